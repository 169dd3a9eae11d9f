// The native half of the monitor benchmark: compiled on the spot, and run with directories that are gone afterwards.

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../harness/command.ts';
import { commandOf, mountsBelow, processIds } from '../harness/proc.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

export interface LogPlace {
  /** Its file system, as people call it. */
  readonly name: string;
  readonly folder: string;
}

export interface NativeBench {
  readonly logPlaces: readonly LogPlace[];
  /** Runs one command of the program with its logs there; what it printed, parsed. */
  run(logs: LogPlace, ...args: readonly string[]): Promise<unknown>;
  /** Ends whatever the program has started, and removes all that it made. Idempotent. */
  close(): void;
}

function compile(target: string): void {
  const sources = readdirSync(`${root}test/bench/native`).filter((name) => name.endsWith('.c'));
  const flags = ['-std=c11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror', '-static', '-s'];
  const compiler = findProgram('musl-gcc') ?? 'cc';
  const paths = sources.map((name) => `${root}test/bench/native/${name}`);
  execFileSync(compiler, [...flags, '-o', target, ...paths], { stdio: 'inherit' });
}

function fileSystemOf(folder: string): string {
  const type = execFileSync('stat', ['-f', '-c', '%T', folder], { encoding: 'utf8' }).trim();
  return type === 'ext2/ext3' ? 'ext4' : type;
}

/** Only by a path that nobody else knows: monitors have left our session, and containers have other parents. */
function endProcesses(folder: string): void {
  const mine = processIds().filter((pid) => pid !== process.pid && commandOf(pid).includes(`${folder}/`));
  for (const pid of mine) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has ended
    }
  }
}

/** Needs root. `close` it. */
export function nativeBench(conmonPath: string): NativeBench {
  const disk = mkdtempSync(join(tmpdir(), 'cria-bench-'));
  const memory = join(disk, 'tmpfs');
  const program = join(disk, 'monitor-bench');
  const close = (): void => {
    endProcesses(disk);
    for (const mount of mountsBelow(disk).reverse()) execFileSync('umount', ['-l', mount]);
    rmSync(disk, { recursive: true, force: true });
  };
  try {
    mkdirSync(memory);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=700', 'tmpfs', memory]);
    for (const folder of ['work', 'logs']) mkdirSync(join(memory, folder));
    for (const folder of ['records', 'logs']) mkdirSync(join(disk, folder));
    compile(program);
  } catch (cause) {
    close();
    throw cause;
  }
  const env = {
    PATH: process.env['PATH'] ?? '',
    BENCH_WORK: join(memory, 'work'), // as /run
    BENCH_RECORDS: join(disk, 'records'), // as /var/lib
    BENCH_RUNTIME: program,
    BENCH_CONMON: conmonPath,
    BENCH_CRIA: `${root}dist/bin/cria-monitor`,
  };
  const run = (logs: LogPlace, ...args: readonly string[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const stdio = ['ignore', 'pipe', 'inherit'] as const;
      const child = spawn(program, args, { env: { ...env, BENCH_LOGS: logs.folder }, stdio: [...stdio] });
      const output: Buffer[] = [];
      child.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
      child.once('error', reject);
      child.once('close', (code) => {
        if (code === 0) resolve(JSON.parse(Buffer.concat(output).toString()));
        else reject(new Error(`monitor-bench ${args.join(' ')} has failed`));
      });
    });
  const places = [
    { name: fileSystemOf(disk), folder: join(disk, 'logs') },
    { name: 'tmpfs', folder: join(memory, 'logs') },
  ];
  const logPlaces = places.filter(({ name }, at) => places.findIndex((place) => place.name === name) === at);
  return { logPlaces, run, close };
}

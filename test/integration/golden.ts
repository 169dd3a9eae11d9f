// The same container under conmon, driven as CRI-O does, and under cria-monitor: what both are asked, and how.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { frameType } from '../../internal/monitor/frames.ts';
import { findProgram } from '../harness/command.ts';
import { RawClient } from './monitor-client.ts';
import { isAlive, makeWorld, missing, until, type World } from './monitor-fixture.ts';

const conmonPath = findProgram('conmon');

/** Why the two cannot be compared here, or false. */
export function missingGolden(): string | false {
  return missing() || (conmonPath === undefined && 'needs conmon');
}

export interface GoldenPair {
  readonly world: World;
  readonly conmon: GoldenMonitor;
  readonly cria: GoldenMonitor;
}

/** Both monitors in one world, for a suite. */
export function useGoldenPair(): GoldenPair {
  const pair = {} as GoldenPair;
  before(() => {
    const world = makeWorld();
    const conmon = makeConmon(world, conmonPath ?? '');
    Object.assign(pair, { world, conmon, cria: goldenCria(world) });
  });
  after(() => pair.world.close());
  return pair;
}

export interface GoldenOptions {
  readonly terminal?: boolean;
  readonly stdin?: boolean;
  readonly stdinOnce?: boolean;
  readonly linux?: object;
  readonly logPath?: string;
}

/** What the end of a client's input does. */
export type ClientEnd = 'eof' | 'disconnect';

export interface GoldenClient {
  write(text: string): Promise<void>;
  /** Its input ends, in the way that was chosen at its start. */
  end(): void;
  stdout(): string;
  stderr(): string;
  /** Stops and continues reading what comes. */
  pause(): void;
  resume(): void;
  readonly closed: Promise<void>;
}

export interface GoldenContainer {
  readonly pid: number;
  readonly monitorPid: number;
  readonly logPath: string;
  start(): void;
  /** `drop` is only for cria: conmon knows no other way than to wait for its clients. */
  attach(end: ClientEnd, mode?: 'lossless' | 'drop'): Promise<GoldenClient>;
  signal(number: number): void;
  /** The text of the exit code file, when it is there and the monitor has nothing left to write. */
  exitFile(): Promise<string>;
  log(): string;
  reopenLog(): Promise<void>;
}

export interface GoldenMonitor {
  readonly name: 'conmon' | 'cria';
  create(argv: readonly string[], options?: GoldenOptions): Promise<GoldenContainer>;
}

/** The content of one stream, joined as the kubelet does, of whatever time zone and number of digits. */
export function content(log: string, stream: 'stdout' | 'stderr'): string {
  return log
    .split('\n')
    .slice(0, -1)
    .map((line) => /^\S+ (stdout|stderr) ([PF]) (.*)$/s.exec(line))
    .map((match) => (match?.[1] === stream ? `${match[3]}${match[2] === 'F' ? '\n' : ''}` : ''))
    .join('');
}

function goldenCria(world: World): GoldenMonitor {
  return {
    name: 'cria',
    async create(argv, options = {}) {
      const { id, request, created } = await world.create(argv, options);
      return {
        pid: created.pid,
        monitorPid: created.monitorPid,
        logPath: request.logPath ?? '',
        start: () => world.start(id),
        attach: (end, mode = 'lossless') =>
          attachToCria(join(world.root, 'm', id.slice(0, 12), 's'), end, mode),
        signal: (number) => void process.kill(created.pid, number),
        log: () => world.log(request),
        reopenLog: () => world.monitors.reopenLog(id),
        async exitFile() {
          await world.exit(id);
          return readFileSync(join(world.root, 'codes', id), 'utf8');
        },
      };
    },
  };
}

async function attachToCria(path: string, end: ClientEnd, mode: string): Promise<GoldenClient> {
  const client = new RawClient(path);
  const reply = await client.request({
    op: 'attach',
    mode,
    stdin: true,
    stdout: true,
    stderr: true,
  });
  if (reply['err'] !== undefined) throw new Error(String(reply['err']));
  client.grant(0xffff_ffff);
  return {
    write: (text) => client.write(Buffer.from(text)),
    end: () => (end === 'eof' ? client.endStdin() : void client.socket.destroy()),
    stdout: () => client.text(frameType.stdout),
    stderr: () => client.text(frameType.stderr),
    pause: () => void client.socket.pause(),
    resume: () => void client.socket.resume(),
    closed: client.closed,
  };
}

/** Compiles the client of conmon's sockets, which Node cannot speak to. */
function makeConmon(world: World, conmonPath: string): GoldenMonitor {
  const root = join(world.root, 'conmon');
  for (const folder of ['exits', 'sockets', 'pids', 'persist'])
    mkdirSync(join(root, folder), { recursive: true });
  const source = fileURLToPath(new URL('../../../test/native/seqpacket-client.c', import.meta.url));
  execFileSync('cc', ['-o', join(root, 'client'), source], { stdio: 'inherit' });
  return {
    name: 'conmon',
    async create(argv, options = {}) {
      const request = world.request(argv, options);
      const id = request.containerId;
      const pidFile = join(root, 'pids', id);
      const pid = await startConmon(conmonPath, [
        ...['-b', request.bundle, '-c', id, '-u', id, '-n', id, '-r', request.runtimePath],
        ...request.runtimeArgs.map((word) => `--runtime-arg=${word}`),
        ...['--exit-dir', join(root, 'exits'), '--persist-dir', join(root, 'persist')],
        ...['--socket-dir-path', join(root, 'sockets'), '--log-level', 'error', '-l', request.logPath ?? ''],
        ...['-P', pidFile, '-p', join(request.bundle, 'pid')],
        ...(options.terminal ? ['-t'] : []),
        ...(options.stdin ? ['-i'] : []),
        ...(options.stdin && !options.stdinOnce ? ['--leave-stdin-open'] : []),
      ]);
      const monitorPid = Number(readFileSync(pidFile, 'utf8'));
      const exitPath = join(root, 'exits', id);
      return {
        pid,
        monitorPid,
        logPath: request.logPath ?? '',
        start: () => world.start(id),
        attach: (end) => attachToConmon(join(root, 'client'), join(root, 'sockets', id), end, monitorPid),
        signal: (number) => void process.kill(pid, number),
        log: () => world.log(request),
        async reopenLog() {
          const before = statSync(request.logPath ?? '', { throwIfNoEntry: false })?.ino;
          execFileSync('sh', ['-c', `echo "2 0 0" > ${join(request.bundle, 'ctl')}`]);
          await until('reopened', () => {
            const now = statSync(request.logPath ?? '', { throwIfNoEntry: false })?.ino;
            return now !== undefined && now !== before;
          });
        },
        async exitFile() {
          await until('conmon has left', () => !isAlive(monitorPid));
          return existsSync(exitPath) ? readFileSync(exitPath, 'utf8') : 'none';
        },
      };
    },
  };
}

/** The hand-shake of CRI-O: the gate opens, the first process leaves, the pid comes as JSON. */
async function startConmon(path: string, args: readonly string[]): Promise<number> {
  const child = spawn(path, args, {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', _OCI_SYNCPIPE: '3', _OCI_STARTPIPE: '4' },
  });
  const [answer, gate] = [child.stdio[3] as Readable, child.stdio[4] as Writable];
  let text = '';
  answer.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  gate.end('x');
  await until('conmon has answered', () => text.includes('\n'));
  answer.destroy();
  const { pid, message } = JSON.parse(text) as { pid: number; message?: string };
  if (pid <= 0) throw new Error(`conmon: ${message}`);
  return pid;
}

/** The inodes of its open sockets. */
function socketsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((fd) => {
    try {
      return [readlinkSync(join(folder, fd))].filter((target) => target.startsWith('socket:'));
    } catch {
      return []; // closed just now
    }
  });
}

async function attachToConmon(
  program: string,
  directory: string,
  end: ClientEnd,
  conmonPid: number,
): Promise<GoldenClient> {
  const before = new Set(socketsOf(conmonPid));
  const child: ChildProcess = spawn(program, ['attach', end], {
    cwd: directory, // the whole path may be too long for a socket
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const [input, out, err, ready] = [0, 1, 2, 3].map((fd) => child.stdio[fd]) as [
    Writable,
    Readable,
    Readable,
    Readable,
  ];
  const text = { out: '', err: '' };
  out.setEncoding('latin1').on('data', (chunk: string) => {
    text.out += chunk;
  });
  err.setEncoding('latin1').on('data', (chunk: string) => {
    text.err += chunk;
  });
  input.on('error', () => {}); // the container has ended first
  const closed = once(child, 'close').then(() => {});
  const refused = closed.then(() => Promise.reject(new Error('conmon refused the client')));
  await Promise.race([once(ready, 'data'), refused]);
  refused.catch(() => {}); // it has ended later
  await until('conmon has taken the client', () => socketsOf(conmonPid).some((one) => !before.has(one)));
  ready.destroy();
  return {
    write: async (data) => void input.write(data),
    end: () => void input.end(),
    stdout: () => text.out,
    stderr: () => text.err,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    closed,
  };
}

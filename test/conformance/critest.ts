// One run of critest, the conformance suite of the CRI, against a daemon.

import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readGinkgoReport, type SpecResult } from './ginkgo-report.ts';

export interface CritestRun {
  /** The suite's program, with the digest of our image. */
  readonly program: string;
  readonly socket: string;
  /** Empty for the daemon's default. */
  readonly handler: string;
  readonly processes: number;
  /** The streaming specs alone, by WebSocket. */
  readonly isWebSocket: boolean;
  /** Chooses the order of the specs. */
  readonly seed: number;
  /** A regular expression of specs; empty for all. */
  readonly focus: string;
  /** Takes what the suite makes for itself. */
  readonly directory: string;
  readonly logFile: string;
}

/** Of the image that a spec pulls by digest; no other bytes have it, so that nobody can make that image again. */
const writtenDigest = '9700f9a2f5bf2c45f2f605a0bd3bce7cf37420ec9d3ed50ac2758413308766bf';

/** Copies critest with another digest in the place of the one that is compiled in. */
export function writeCritest(source: string, target: string, digest: string): void {
  const program = readFileSync(source);
  const at = program.indexOf(writtenDigest);
  if (at < 0) throw new Error(`${source} does not name the digest ${writtenDigest}: is it another release?`);
  program.write(digest.replace('sha256:', ''), at, 'latin1');
  writeFileSync(target, program, { mode: 0o755 });
}

function argumentsOf(run: CritestRun, report: string): string[] {
  const websocket = ['exec', 'attach', 'portforward'].map((what) => `-websocket-${what}`);
  return [
    `-runtime-endpoint=unix://${run.socket}`,
    `-image-endpoint=unix://${run.socket}`,
    `-runtime-handler=${run.handler}`,
    ...(run.processes > 1 ? [`-parallel=${run.processes}`] : []),
    ...(run.isWebSocket ? [...websocket, '-ginkgo.focus=runtime should support streaming'] : []),
    ...(run.focus === '' ? [] : [`-ginkgo.focus=${run.focus}`]),
    `-ginkgo.seed=${run.seed}`,
    '-ginkgo.randomize-all',
    '-ginkgo.no-color',
    '-ginkgo.timeout=15m',
    `-ginkgo.json-report=${report}`,
  ];
}

/** Runs the program as a process group of its own, which ends with the signal. */
function runGroup(argv: readonly string[], run: CritestRun, signal: AbortSignal): Promise<void> {
  const [program = '', ...args] = argv;
  const log = openSync(run.logFile, 'a');
  const env = { ...process.env, TMPDIR: run.directory };
  const child = spawn(program, args, {
    stdio: ['ignore', log, log],
    cwd: run.directory,
    env,
    detached: true,
  });
  closeSync(log);
  return new Promise((resolve, reject) => {
    const end = () => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    };
    signal.addEventListener('abort', end, { once: true });
    child.once('error', reject);
    child.once('exit', () => {
      signal.removeEventListener('abort', end);
      resolve();
    });
  });
}

/** The outcome of every spec that was chosen; rejects when the suite did not come to its end. */
export async function runCritest(run: CritestRun, signal: AbortSignal): Promise<SpecResult[]> {
  const report = join(run.directory, 'report.json');
  rmSync(report, { force: true });
  rmSync(run.logFile, { force: true });
  signal.throwIfAborted();
  await runGroup([run.program, ...argumentsOf(run, report)], run, signal);
  signal.throwIfAborted();
  try {
    return readGinkgoReport(readFileSync(report, 'utf8'));
  } catch (cause) {
    throw new Error(`critest left no report; what it said is in ${run.logFile}`, { cause });
  }
}

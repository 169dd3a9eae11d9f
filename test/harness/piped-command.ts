// A client whose standard streams are the test's: what goes through it is counted, not kept.

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

export interface Passed {
  readonly bytes: number;
  readonly sha256: string;
}

export interface PipedOutcome {
  /** -1 when a signal has ended it. */
  readonly exitCode: number;
  readonly sent: Passed;
  readonly received: Passed;
  readonly stderr: string;
}

export function startPiped(argv: readonly string[]): ChildProcess {
  const [program = '', ...args] = argv;
  return spawn(program, args, { stdio: 'pipe' });
}

/** Sends `bytes` of noise through stdin and ends it; resolves when the program has ended. */
export async function pipeThrough(argv: readonly string[], bytes: number): Promise<PipedOutcome> {
  const child = startPiped(argv);
  const ended = once(child, 'close') as Promise<[number | null]>;
  const errors: Buffer[] = [];
  child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk));
  const [sent, received] = await Promise.all([send(child, bytes), receive(child.stdout)]);
  const [code] = await ended;
  return { exitCode: code ?? -1, sent, received, stderr: Buffer.concat(errors).toString() };
}

async function send({ stdin }: ChildProcess, bytes: number): Promise<Passed> {
  const hash = createHash('sha256');
  const noise = randomBytes(1024 * 1024);
  let left = bytes;
  stdin?.on('error', () => {}); // the outcome tells it
  const closed = new Promise<void>((resolve) => stdin?.once('close', () => resolve()));
  for (let round = 0; left > 0 && stdin?.writable === true; round++) {
    const chunk = Buffer.from(noise.subarray(0, Math.min(left, noise.length)));
    chunk[0] = round; // no two parts are the same
    left -= chunk.length;
    hash.update(chunk);
    if (!stdin.write(chunk))
      await Promise.race([new Promise((resolve) => stdin.once('drain', resolve)), closed]);
  }
  stdin?.end();
  return { bytes: bytes - left, sha256: hash.digest('hex') };
}

async function receive(stdout: Readable | null): Promise<Passed> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of stdout ?? []) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

// The client of the `spawner` role: every process that the daemon starts is started there, see cmd/cria-monitor/spawner.h.

import { type ChildProcess, spawn } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import { dataMaxBytes, decodeControl, encodeControl, encodeFrame, FrameReader, frameType } from './frames.ts';

/** How a command ended. `code` is null when it was killed by `signal`. */
export interface CommandEnd {
  readonly code: number | null;
  readonly signal: number | null;
  readonly timedOut: boolean;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface SpawnerRunRequest {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  readonly stdin: Uint8Array | undefined;
  readonly timeoutMs: number;
}

export interface SpawnRequest {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Bytes that the process finds as its file descriptor 4. */
  readonly config: Uint8Array | undefined;
}

type Reply = Record<string, unknown>;

interface Pending {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (cause: Error) => void;
  readonly output: Record<'stdout' | 'stderr', Buffer[]>;
}

interface Process {
  readonly child: ChildProcess;
  readonly link: Duplex;
  readonly pending: Map<number, Pending>;
}

/** Frames carry their run's seq as a u32. */
const seqMax = 0xffff_ffff;

const closeWaitMs = 2000;

/**
 * Starts processes outside of the daemon. The helper is started by the first request or by `start`, and again by
 * the next request after it died; requests that were under way then fail with `unavailable`.
 */
export class Spawner {
  readonly #monitorPath: string;
  readonly #logger: Logger;
  readonly #lockFd: number | undefined;
  #process: Process | undefined;
  #seq = 0;
  #closed = false;

  /** `lockFd` is held open by the helper too, until the last command has ended that an ended daemon left it. */
  constructor(monitorPath: string, logger: Logger, lockFd?: number) {
    this.#monitorPath = monitorPath;
    this.#logger = logger;
    this.#lockFd = lockFd;
  }

  /** Starts the helper; best done early, while the daemon is small and a fork cheap. */
  start(): void {
    this.#running();
  }

  /**
   * Lets the helper go: it ends when the commands that run have ended, which is waited for a moment only; spawned
   * processes live on. Later requests fail.
   */
  async close(): Promise<void> {
    this.#closed = true;
    const running = this.#process;
    if (running === undefined) return;
    const ended = new Promise<void>((resolve) => running.child.once('exit', () => resolve()));
    running.link.end();
    await Promise.race([ended, sleep(closeWaitMs, undefined, { ref: false })]);
    running.child.unref();
    running.link.destroy();
  }

  /** Runs a command to its end; an abort kills its process group. Rejects when it cannot be started. */
  async run(request: SpawnerRunRequest, signal: AbortSignal): Promise<CommandEnd> {
    signal.throwIfAborted();
    const { argv, cwd, timeoutMs, stdin } = request;
    const message = {
      op: 'run',
      argv,
      env: environment(request.env),
      timeoutMs,
      ...(cwd === undefined ? {} : { cwd }),
    };
    const { seq, reply } = this.#request(message, stdin);
    const cancel = (): void => this.#cancel(seq);
    setMaxListeners(0, signal); // one for each command that runs under it: no leak
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const { end, output } = await reply;
      signal.throwIfAborted();
      return {
        code: numberOrNull(end['code']),
        signal: numberOrNull(end['signal']),
        timedOut: end['timedOut'] === true,
        stdout: Buffer.concat(output.stdout),
        stderr: Buffer.concat(output.stderr),
      };
    } catch (cause) {
      signal.throwIfAborted();
      throw cause;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  /**
   * Starts a process that outlives the daemon. Resolves with its pid when it says that it is ready; rejects with its
   * own words, or with `unavailable` when it is unknown how far it came.
   */
  async spawn(request: SpawnRequest): Promise<number> {
    const message = { op: 'spawn', argv: request.argv, env: environment(request.env) };
    const { end } = await this.#request(message, request.config).reply;
    const pid = end['pid'];
    if (typeof pid !== 'number') throw new DaemonError('internal', 'the spawner answered without a pid');
    return pid;
  }

  #request(
    message: object,
    stdin: Uint8Array | undefined,
  ): { seq: number; reply: Promise<{ end: Reply; output: Pending['output'] }> } {
    const { link, pending } = this.#running();
    this.#seq = this.#seq === seqMax ? 1 : this.#seq + 1;
    const seq = this.#seq;
    const start = encodeRequest({ ...message, seq, hasStdin: stdin !== undefined });
    const output: Pending['output'] = { stdout: [], stderr: [] };
    const reply = new Promise<{ end: Reply; output: Pending['output'] }>((resolve, reject) => {
      pending.set(seq, { resolve: (end) => resolve({ end, output }), reject, output });
    });
    link.cork();
    link.write(start);
    if (stdin !== undefined) writeInput(link, seq, stdin);
    process.nextTick(() => link.uncork());
    return { seq, reply };
  }

  #cancel(seq: number): void {
    const running = this.#process;
    if (running?.pending.has(seq)) running.link.write(encodeControl({ op: 'cancel', target: seq }));
  }

  #running(): Process {
    if (this.#closed) throw new DaemonError('unavailable', 'the daemon is shutting down');
    this.#process ??= this.#launch();
    return this.#process;
  }

  #launch(): Process {
    const child = spawn(this.#monitorPath, ['spawner'], {
      stdio: ['ignore', 'ignore', 'inherit', 'pipe', this.#lockFd ?? 'ignore'],
      env: {},
      cwd: '/',
      detached: true, // a terminal's ^C is for the daemon, which ends the spawner in order
    });
    const link = child.stdio[3] as Duplex;
    const launched: Process = { child, link, pending: new Map() };
    const reader = new FrameReader();
    link.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) receive(launched.pending, frame);
      } catch (cause) {
        link.destroy(cause instanceof Error ? cause : undefined);
      }
    });
    const lost = (cause?: Error): void => this.#lost(launched, cause);
    link.on('error', lost);
    link.on('close', () => lost());
    child.on('error', lost);
    child.on('exit', () => lost());
    return launched;
  }

  #lost(lost: Process, cause: Error | undefined): void {
    if (this.#process === lost) {
      this.#process = undefined;
      if (!this.#closed) this.#logger.warn({ cause }, 'lost the spawner, the next command starts it again');
    }
    lost.link.destroy();
    for (const { reject } of lost.pending.values())
      reject(new DaemonError('unavailable', 'the spawner ended while it ran the command', cause));
    lost.pending.clear();
  }
}

/** A request that the spawner can take: it reads neither NUL in a text nor more than a frame, and would hang up. */
function encodeRequest(message: object): Buffer {
  const text = JSON.stringify(message);
  if (/(?<!\\)(?:\\\\)*\\u0000/.test(text))
    throw new DaemonError(
      'invalid-argument',
      'a command cannot have a NUL byte in an argument or a variable',
    );
  try {
    return encodeFrame(frameType.control, 0, Buffer.from(text));
  } catch (cause) {
    throw new DaemonError('invalid-argument', 'a command has too many or too long arguments', cause);
  }
}

function receive(pending: Map<number, Pending>, frame: ReturnType<FrameReader['push']>[number]): void {
  if (frame.type === frameType.control) {
    const reply = decodeControl(frame);
    const seq = Number(reply['seq']);
    const waiting = pending.get(seq);
    if (waiting === undefined || reply['gated'] === true) return;
    pending.delete(seq);
    const failure = reply['err'];
    if (typeof failure === 'string')
      waiting.reject(new DaemonError(reply['died'] === true ? 'unavailable' : 'unknown', failure));
    else waiting.resolve(reply);
  } else if (frame.type === frameType.stdout || frame.type === frameType.stderr) {
    const kind = frame.type === frameType.stdout ? 'stdout' : 'stderr';
    // A copy: the payload shares the memory of everything that arrived with it.
    pending.get(frame.payload.readUInt32LE(0))?.output[kind].push(Buffer.from(frame.payload.subarray(4)));
  }
}

function writeInput(link: Duplex, seq: number, input: Uint8Array): void {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(seq);
  const step = dataMaxBytes - head.length;
  for (let at = 0; at < input.length; at += step)
    link.write(encodeFrame(frameType.stdin, 0, Buffer.concat([head, input.subarray(at, at + step)])));
  link.write(encodeFrame(frameType.eof, frameType.stdin, head));
}

/** `NAME=value` texts, as execve wants them. */
export function environment(env: Readonly<Record<string, string>>): string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

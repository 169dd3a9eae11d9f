// One process of the `spawner` role and the frames that are spoken with it, see cmd/cria-monitor/spawner.h.

import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import {
  dataMaxBytes,
  decodeControl,
  encodeControl,
  encodeFrame,
  type Frame,
  FrameReader,
  frameType,
} from './frames.ts';
import { type StartedCommand, waitForOrphan } from './orphaned-command.ts';

export type Reply = Readonly<Record<string, unknown>>;

/** The answer to a request, and what came before it. */
export interface Answer {
  readonly end: Reply;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** The spawner died before it began with a request: the next one can be asked for the same. */
export class NotBegun extends Error {}

interface Pending {
  readonly what: string;
  readonly timeoutMs: number | undefined;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (cause: Error) => void;
  readonly output: Record<'stdout' | 'stderr', Buffer[]>;
  started: StartedCommand | undefined;
  /** The spawner may have begun with it; known only of requests that ask for `tellPid`. */
  isBegun: boolean;
  /** It has not reached the spawner. */
  isUnsent: boolean;
  /** What was to be spawned exists and waits. */
  readonly onWaiting: ((seq: number, pid: number) => void) | undefined;
}

/** Frames carry their request's seq as a u32. */
const seqMax = 0xffff_ffff;
const closeWaitMs = 2000;

/**
 * A running spawner. When it is lost, a request that waited is rejected with `unavailable`: a command's after the command
 * itself has ended, however that went.
 */
export class SpawnerLink {
  /** Resolves when the process is gone or cannot be talked to. */
  readonly lost: Promise<Error | undefined>;
  readonly #child: ChildProcess;
  readonly #link: Duplex;
  readonly #pending = new Map<number, Pending>();
  /** What goes on without its spawner, by the seq of its request. */
  readonly #orphans = new Map<number, StartedCommand>();
  #seq = 0;
  #isLost = false;
  readonly #closing: AbortSignal;

  /** Starts it. `lockFd` becomes its file descriptor 4. After `closing` nothing is waited for any more. */
  constructor(monitorPath: string, lockFd: number | undefined, closing: AbortSignal) {
    this.#closing = closing;
    this.#child = spawn(monitorPath, ['spawner'], {
      stdio: ['ignore', 'ignore', 'inherit', 'pipe', lockFd ?? 'ignore'],
      env: {},
      cwd: '/',
      detached: true, // a terminal's ^C is for the daemon, which ends the spawner in order
    });
    this.#link = this.#child.stdio[3] as Duplex;
    const reader = new FrameReader();
    this.#link.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) this.#receive(frame);
      } catch (cause) {
        this.#link.destroy(cause instanceof Error ? cause : undefined);
      }
    });
    this.lost = new Promise((resolve) => {
      const lose = (cause?: NodeJS.ErrnoException): void => {
        this.#lose(cause);
        resolve(cause);
      };
      this.#link.on('error', lose);
      this.#link.on('close', () => lose()); // after everything that it has sent, which its exit may not be
      this.#child.on('error', lose);
    });
  }

  /**
   * Sends a request. `what` names it in errors; `timeoutMs` is the deadline of a command, that also holds when the spawner
   * is lost.
   */
  request(
    message: { readonly op: string; readonly timeoutMs?: number; readonly [field: string]: unknown },
    what: string,
    stdin?: Uint8Array,
    onWaiting?: Pending['onWaiting'],
  ): { readonly seq: number; readonly answer: Promise<Answer> } {
    this.#seq = this.#seq === seqMax ? 1 : this.#seq + 1;
    const seq = this.#seq;
    const start = encodeRequest({ ...message, seq, ...(stdin === undefined ? {} : { hasStdin: true }) });
    const output: Pending['output'] = { stdout: [], stderr: [] };
    const { timeoutMs } = message;
    const isBegun = message['tellPid'] !== true;
    const reply = new Promise<Reply>((resolve, reject) => {
      const state = { started: undefined, isBegun, isUnsent: this.#isLost };
      this.#pending.set(seq, { what, timeoutMs, resolve, reject, output, onWaiting, ...state });
    });
    if (this.#isLost) this.#reject(seq);
    this.#link.cork();
    this.#link.write(start, (failure) => {
      const pending = this.#pending.get(seq);
      if (failure && pending !== undefined) pending.isUnsent = true;
    });
    if (stdin !== undefined) writeInput(this.#link, seq, stdin);
    process.nextTick(() => this.#link.uncork());
    const answer = reply.then((end) => ({
      end,
      stdout: Buffer.concat(output.stdout),
      stderr: Buffer.concat(output.stderr),
    }));
    return { seq, answer };
  }

  /** Kills what a request has started, unless it was answered. */
  cancel(seq: number): void {
    if (this.#pending.has(seq)) this.notify({ op: 'cancel', target: seq });
    const orphan = this.#orphans.get(seq);
    if (orphan !== undefined) orphan.deadlineMs = 0;
  }

  /** Sends something that has no answer. */
  notify(message: object): void {
    if (!this.#isLost) this.#link.write(encodeControl(message));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** See Spawner.close. */
  async close(): Promise<void> {
    this.#link.end();
    const exited = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    if (!this.#isLost) await Promise.race([exited, sleep(closeWaitMs, undefined, { ref: false })]);
    this.#child.unref();
    this.#link.destroy();
  }

  #receive(frame: Frame): void {
    if (frame.type === frameType.control) {
      this.#receiveReply(decodeControl(frame));
    } else if (frame.type === frameType.stdout || frame.type === frameType.stderr) {
      const kind = frame.type === frameType.stdout ? 'stdout' : 'stderr';
      // A copy: the payload shares the memory of everything that arrived with it.
      const data = Buffer.from(frame.payload.subarray(4));
      this.#pending.get(frame.payload.readUInt32LE(0))?.output[kind].push(data);
    }
  }

  #receiveReply(reply: Reply): void {
    const seq = Number(reply['seq']);
    const waiting = this.#pending.get(seq);
    if (waiting === undefined) return;
    if (reply['gated'] === true) {
      waiting.onWaiting?.(seq, Number(reply['pid']));
      return;
    }
    waiting.isBegun = true;
    if (reply['begun'] === true) return;
    if (reply['started'] === true) {
      const deadlineMs = performance.now() + (waiting.timeoutMs ?? Number.POSITIVE_INFINITY);
      waiting.started = {
        pid: Number(reply['pid']),
        startTicks: String(reply['startTicks']),
        deadlineMs,
      };
      return;
    }
    this.#pending.delete(seq);
    const failure = reply['err'];
    if (typeof failure === 'string') waiting.reject(new DaemonError(kindOf(reply), failure));
    else waiting.resolve(reply);
  }

  #lose(cause: NodeJS.ErrnoException | undefined): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#link.destroy();
    // A failed write closes the link before all is read: what was sent before that may have begun.
    const isAllRead = cause === undefined || cause.syscall === 'read';
    for (const [seq, pending] of [...this.#pending]) {
      pending.isUnsent ||= isAllRead && !pending.isBegun;
      this.#reject(seq, cause);
    }
  }

  #reject(seq: number, cause?: Error): void {
    const waiting = this.#pending.get(seq);
    this.#pending.delete(seq);
    if (waiting === undefined) return;
    const { what, started, isUnsent, reject } = waiting;
    const isClosing = this.#closing.aborted;
    if (isUnsent && !isClosing) {
      reject(new NotBegun(what, { cause }));
      return;
    }
    if (started === undefined || isClosing) {
      reject(new DaemonError('unavailable', `the spawner ended before it answered (${what})`, cause));
      return;
    }
    const text = `the spawner ended while ${what} ran; the command has ended too, how is not known`;
    this.#orphans.set(seq, started);
    void waitForOrphan(started, this.#closing)
      .finally(() => this.#orphans.delete(seq))
      .then(() => reject(new DaemonError('unavailable', text, cause)), reject);
  }
}

function kindOf(reply: Reply): 'unavailable' | 'not-found' | 'unknown' {
  if (reply['died'] === true) return 'unavailable';
  return reply['notKept'] === true ? 'not-found' : 'unknown';
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

function writeInput(link: Duplex, seq: number, input: Uint8Array): void {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(seq);
  const step = dataMaxBytes - head.length;
  for (let at = 0; at < input.length; at += step)
    link.write(encodeFrame(frameType.stdin, 0, Buffer.concat([head, input.subarray(at, at + step)])));
  link.write(encodeFrame(frameType.eof, frameType.stdin, head));
}

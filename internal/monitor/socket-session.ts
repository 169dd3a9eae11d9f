// StreamSession over a data connection, see cmd/cria-monitor/data-connection.h. Output comes only as far as it was granted.

import { setMaxListeners } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { DaemonError } from '../errors/daemon-error.ts';
import { keptBytes } from '../sys/kept-bytes.ts';
import { ControlConnection, type ControlMessage } from './control-connection.ts';
import { dataMaxBytes, encodeWindow, type Frame, frameType } from './frames.ts';
import type { StreamExit, StreamSession, TerminalSize } from './stream-session.ts';

/** What both outputs together may hold that nobody has read. */
const windowBytes = 256 * 1024;
/** Below this a grant is not worth a frame. */
const grantMinBytes = windowBytes / 4;
/** Of each output; the sum stays so far below the window that a consumer who waits for data always has some granted. */
const highWaterMark = 16 * 1024;

export interface SessionParts {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** The exit in the monitor's last message; throws the failure that it tells instead. */
  readonly exitOf: (message: ControlMessage) => StreamExit;
  /** For people: `the exec in container "…"`. */
  readonly what: string;
}

/** The bytes that wait for the monitor's window. */
interface Pending {
  rest: Uint8Array;
  readonly done: (error?: Error | null) => void;
}

export class SocketSession implements StreamSession {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  readonly exit: Promise<StreamExit>;
  readonly #parts: SessionParts;
  readonly #outputs: readonly Readable[];
  #resolve: (exit: StreamExit) => void = () => {};
  #reject: (cause: Error) => void = () => {};
  #isOver = false;
  #connection: ControlConnection | undefined;
  #granted = 0;
  #isGranting = false;
  #credit = 0;
  #pending: Pending | undefined;
  #closedBy: Error | undefined;

  private constructor(parts: SessionParts) {
    this.#parts = parts;
    this.stdin = parts.stdin ? this.#makeStdin() : undefined;
    this.stdout = parts.stdout ? this.#makeOutput() : undefined;
    this.stderr = parts.stderr ? this.#makeOutput() : undefined;
    this.#outputs = [this.stdout, this.stderr].filter((output) => output !== undefined);
    this.exit = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.exit.catch(() => {}); // whoever wants to know asks; the others need no handler
  }

  /**
   * Connects; `begin` asks the monitor for the streams. Rejects with its error, or the system's. An abort closes, also one that came
   * before: a command runs already, and ends when its client was there and has left.
   */
  static async open(
    path: string,
    parts: SessionParts,
    begin: (connection: ControlConnection) => Promise<unknown>,
    signal: AbortSignal,
  ): Promise<SocketSession> {
    const session = new SocketSession(parts);
    const connection = await ControlConnection.connect(path, {
      onEvent: (event) => session.#ended(event),
      onFrame: (frame) => session.#receive(frame),
    });
    session.#connection = connection;
    const abort = (): void => session.close();
    setMaxListeners(0, signal); // one for each session under it: no leak
    signal.addEventListener('abort', abort, { once: true });
    void connection.closed.then(() => {
      signal.removeEventListener('abort', abort);
      session.#lost();
    });
    if (signal.aborted) abort();
    try {
      await begin(connection);
    } catch (cause) {
      session.close();
      throw cause;
    }
    session.#grant();
    return session;
  }

  async resize(size: TerminalSize): Promise<void> {
    await this.#request('resize', size);
  }

  async signal(signalNumber: number): Promise<void> {
    await this.#request('signal', { signal: signalNumber });
  }

  close(): void {
    this.#closedBy ??= new DaemonError('cancelled', `${this.#parts.what} was given up`);
    this.#connection?.close();
  }

  async #request(op: string, fields: object): Promise<void> {
    if (this.#connection === undefined) throw new DaemonError('unavailable', `${this.#parts.what} is over`);
    await this.#connection.request(op, fields);
  }

  #makeOutput(): Readable {
    return new Readable({ highWaterMark, read: () => this.#grantSoon() }).on('error', () => {});
  }

  #makeStdin(): Writable {
    return new Writable({
      highWaterMark: dataMaxBytes,
      write: (chunk: Uint8Array, _encoding, done) => {
        this.#pending = { rest: chunk, done };
        this.#sendStdin();
      },
      final: (done) => {
        this.#connection?.send(frameType.eof, frameType.stdin, new Uint8Array());
        done();
      },
    }).on('error', () => {});
  }

  #sendStdin(): void {
    const pending = this.#pending;
    while (pending !== undefined && pending.rest.length > 0 && this.#credit > 0) {
      const size = Math.min(pending.rest.length, this.#credit, dataMaxBytes);
      this.#connection?.send(frameType.stdin, 0, pending.rest.subarray(0, size));
      this.#credit -= size;
      pending.rest = pending.rest.subarray(size);
    }
    if (pending === undefined || pending.rest.length > 0) return;
    this.#pending = undefined;
    pending.done();
  }

  /** A stream asks before it hands out what it has: what is left is known only afterwards. */
  #grantSoon(): void {
    if (this.#isGranting) return;
    this.#isGranting = true;
    queueMicrotask(() => {
      this.#isGranting = false;
      this.#grant();
    });
  }

  #grant(): void {
    const unread = this.#outputs.reduce(
      (sum, output) => sum + (output.destroyed ? 0 : output.readableLength),
      0,
    );
    const room = windowBytes - this.#granted - unread;
    if (room < grantMinBytes) return;
    this.#granted += room;
    this.#connection?.send(frameType.window, 0, encodeWindow(room));
  }

  #receive({ type, channel, payload }: Frame): void {
    if (type === frameType.stdout) this.#output(this.stdout, payload);
    else if (type === frameType.stderr) this.#output(this.stderr, payload);
    else if (type === frameType.window) this.#widen(payload.readUInt32LE());
    else if (type === frameType.error) this.#refused(payload.toString('utf8'));
    else if (type === frameType.eof && channel === frameType.stdin) this.#closeStdin();
    else if (type === frameType.eof) (channel === frameType.stdout ? this.stdout : this.stderr)?.push(null);
  }

  #output(stream: Readable | undefined, payload: Buffer): void {
    this.#granted -= payload.length;
    if (stream === undefined || stream.destroyed || !stream.push(keptBytes(payload))) return;
    this.#grantSoon();
  }

  #widen(bytes: number): void {
    this.#credit += bytes;
    this.#sendStdin();
  }

  #refused(text: string): void {
    const kind = text.startsWith('ERR_SLOW') ? 'resource-exhausted' : 'unavailable';
    this.#closedBy ??= new DaemonError(kind, `${this.#parts.what} ended: ${text.replace(/^ERR_\w+: /, '')}`);
  }

  #closeStdin(): void {
    const error = Object.assign(new Error(`the stdin of ${this.#parts.what} is closed`), { code: 'EPIPE' });
    this.#pending = undefined;
    this.stdin?.destroy(error);
  }

  /** The last message: all output came before it. */
  #ended(message: ControlMessage): void {
    this.#isOver = true;
    try {
      this.#resolve(this.#parts.exitOf(message));
    } catch (cause) {
      this.#reject(cause as Error);
    }
    for (const output of this.#outputs) output.push(null);
    this.#closeStdin();
  }

  #lost(): void {
    this.#connection = undefined;
    if (this.#isOver) return;
    const error = this.#closedBy ?? new DaemonError('unavailable', `lost ${this.#parts.what}`);
    this.#reject(error);
    for (const output of this.#outputs) output.destroy(error);
    this.#closeStdin();
  }
}

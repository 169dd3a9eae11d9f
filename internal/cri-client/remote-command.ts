// The client's side of exec and attach, over WebSocket with the protocol v5.channel.k8s.io: the first byte of a message is
// its channel.

import { Readable, Writable } from 'node:stream';
import { WebSocket } from 'ws';
import { DaemonError } from '../errors/daemon-error.ts';
import { exitCodeOf } from './remote-outcome.ts';
import { openStreamSocket, type StreamTrust } from './stream-socket.ts';

const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
const protocol = 'v5.channel.k8s.io';
const messageMaxBytes = 32 * 1024 * 1024;
/** What waits on a stream before its sender has to. */
const bufferBytes = 256 * 1024;
const handshakeMs = 30_000;

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** Its streams hold a bounded amount, and need no `error` listeners: `exitCode` tells what went wrong. */
export class RemoteCommand {
  /** Its end is the end of the command's input. */
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Of the command; 0 at the end of an attachment. Settles when the connection is closed. Rejects when there is none. */
  readonly exitCode: Promise<number>;
  readonly #socket: WebSocket;
  readonly #full = new Set<Readable>();
  #outcome = '';

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.stdin = this.#makeInput();
    this.stdout = this.#makeOutput();
    this.stderr = this.#makeOutput();
    socket.on('message', (message: Buffer) => this.#receive(message));
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => {}); // 'close' follows
    this.exitCode = closed.then(() => this.#end());
    this.exitCode.catch(() => {}); // who asked may have gone before it is read
  }

  /** Connects to the URL of an Exec or Attach response. */
  static async open(url: string, trust: StreamTrust, signal: AbortSignal): Promise<RemoteCommand> {
    const target = new URL(url);
    const connection = await openStreamSocket(target, trust, signal);
    const socket = new WebSocket(`ws://${target.host}${target.pathname}${target.search}`, [protocol], {
      perMessageDeflate: false,
      maxPayload: messageMaxBytes,
      handshakeTimeout: handshakeMs,
      createConnection: () => connection,
    });
    const command = new RemoteCommand(socket);
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => socket.terminate();
      signal.addEventListener('abort', abort, { once: true });
      socket.once('open', resolve);
      socket.once('error', (cause) => {
        const text = `the stream server at "${target.host}" does not take the connection`;
        reject(signal.aborted ? signal.reason : new DaemonError('unavailable', text, cause));
      });
    });
    return command;
  }

  /** Tells the size of the person's terminal. */
  resize({ columns, rows }: TerminalSize): void {
    this.#send(channel.resize, Buffer.from(JSON.stringify({ Width: columns, Height: rows })), () => {});
  }

  /** Leaves: a command is killed, an attached container goes on. */
  close(): void {
    this.#socket.terminate();
  }

  #makeInput(): Writable {
    return new Writable({
      highWaterMark: bufferBytes,
      write: (chunk: Buffer, _encoding, done) => this.#send(channel.stdin, chunk, done),
      final: (done) => this.#send(channel.close, Buffer.from([channel.stdin]), done),
    }).on('error', () => {});
  }

  #makeOutput(): Readable {
    const output: Readable = new Readable({
      highWaterMark: bufferBytes,
      read: () => this.#resume(output),
      destroy: (cause, done) => {
        this.#resume(output);
        done(cause);
      },
    });
    return output.on('error', () => {});
  }

  #resume(output: Readable): void {
    if (this.#full.delete(output) && this.#full.size === 0) this.#socket.resume();
  }

  /** A message that cannot be sent is lost with the connection, whose end is told elsewhere. */
  #send(to: number, payload: Buffer, done: () => void): void {
    const message = Buffer.allocUnsafe(payload.length + 1);
    message[0] = to;
    message.set(payload, 1);
    this.#socket.send(message, () => done());
  }

  #receive(message: Buffer): void {
    const [from] = message;
    const payload = message.subarray(1);
    if (payload.length === 0) return;
    if (from === channel.error) this.#outcome += payload.toString();
    const output = from === channel.stdout ? this.stdout : from === channel.stderr ? this.stderr : undefined;
    if (output === undefined || output.destroyed || output.push(payload)) return;
    this.#full.add(output);
    this.#socket.pause();
  }

  #end(): number {
    this.stdin.destroy();
    for (const output of [this.stdout, this.stderr]) if (!output.destroyed) output.push(null);
    return exitCodeOf(this.#outcome);
  }
}

// A client of exec or attach over WebSocket: one channel each for stdin, stdout, stderr, errors and sizes of its terminal.

import { Readable, Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import type { TerminalSize } from '../../monitor/stream-session.ts';
import { keptBytes } from '../../sys/kept-bytes.ts';
import { outcomeText } from '../outcome-text.ts';
import { ResizeReader } from '../resize-reader.ts';
import type { CommandClient, CommandOutcome, CommandStreams } from '../stream-client.ts';
import { decodeMessage, encodeMessage } from './channel-codec.ts';
import { WebSocketConnection } from './connection.ts';
import type { WebSocketProtocol } from './protocols.ts';

const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
/** Version 5: `[255, channel]` says that nothing more comes on the channel. */
const endOfChannel = 255;
const endSince = 5;
/** What waits on a stream before its sender has to. */
const bufferBytes = 64 * 1024;

/** The streams that the ticket names; reading of the connection stops while stdin is full. */
export class WebSocketCommandClient implements CommandClient {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  readonly gone: AbortSignal;
  readonly #connection: WebSocketConnection;
  readonly #protocol: WebSocketProtocol;
  readonly #sizes = new ResizeReader((size) => this.#onSize(size));
  #areSizesBroken = false;
  #isInputOver = false;
  #lastSize: TerminalSize | undefined;
  #onSize: (size: TerminalSize) => void = (size) => {
    this.#lastSize = size;
  };

  /** Tells the client at once that it is connected. */
  constructor(socket: WebSocket, protocol: WebSocketProtocol, streams: CommandStreams, idleMs: number) {
    this.#protocol = protocol;
    this.#connection = new WebSocketConnection(socket, idleMs, (message) => this.#receive(message));
    this.gone = this.#connection.gone;
    this.stdin = streams.stdin ? this.#makeInput() : undefined;
    this.stdout = streams.stdout ? this.#makeOutput(channels.stdout) : undefined;
    this.stderr = streams.stderr && !streams.terminal ? this.#makeOutput(channels.stderr) : undefined;
    // Clients wait for a first message, which is empty, on the lowest channel on which they may hear.
    const first = streams.stdout ? channels.stdout : streams.stderr ? channels.stderr : channels.error;
    this.#send(first, Buffer.alloc(0), () => {});
    this.gone.addEventListener('abort', () => this.#drop(), { once: true });
  }

  onResize(listener: (size: TerminalSize) => void): void {
    this.#onSize = listener;
    if (this.#lastSize !== undefined) listener(this.#lastSize);
  }

  limitReading(): void {
    this.#connection.limitReading();
  }

  async finish(outcome: CommandOutcome): Promise<void> {
    this.limitReading();
    this.stdin?.destroy();
    await Promise.all([endOf(this.stdout), endOf(this.stderr)]);
    const text = outcomeText(outcome, this.#protocol.version);
    if (text !== '')
      await new Promise<void>((resolve) => this.#send(channels.error, Buffer.from(text), resolve));
    await this.#connection.close();
  }

  #makeInput(): Readable {
    const connection = this.#connection;
    const stdin: Readable = new Readable({
      highWaterMark: bufferBytes,
      read: () => connection.resume(stdin),
      destroy(error, done) {
        connection.resume(stdin);
        done(error);
      },
    });
    return stdin.on('error', () => {});
  }

  #makeOutput(channel: number): Writable {
    return new Writable({
      highWaterMark: bufferBytes,
      write: (chunk: Buffer, _encoding, done) => this.#send(channel, chunk, done),
    }).on('error', () => {});
  }

  #send(channel: number, payload: Buffer, done: () => void): void {
    // Its error, if any, is that the connection is closed: who must know listens to `gone`.
    this.#connection.send(encodeMessage(channel, payload, this.#protocol.isBase64), () => done());
  }

  #receive(message: Buffer): void {
    const found = decodeMessage(message, this.#protocol.isBase64);
    if (found === undefined) return;
    const { channel, payload } = found;
    if (channel === channels.stdin) this.#input(payload);
    else if (channel === channels.resize) this.#resize(payload);
    else if (channel === endOfChannel && this.#protocol.version >= endSince) this.#end(payload);
  }

  #input(payload: Buffer): void {
    const { stdin } = this;
    if (stdin === undefined || stdin.destroyed || this.#isInputOver || payload.length === 0) return;
    if (!stdin.push(keptBytes(payload))) this.#connection.pause(stdin);
  }

  #end(payload: Buffer): void {
    if (payload[0] !== channels.stdin || this.#isInputOver) return;
    this.#isInputOver = true;
    this.stdin?.push(null);
  }

  #resize(payload: Buffer): void {
    if (!this.#areSizesBroken) this.#areSizesBroken = !this.#sizes.push(payload);
  }

  #drop(): void {
    const reason = this.gone.reason as Error;
    for (const stream of [this.stdin, this.stdout, this.stderr]) stream?.destroy(reason);
  }
}

/** Ends `stream`; resolves when all of it is on its way, or the client is gone. */
function endOf(stream: Writable | undefined): Promise<void> {
  if (stream === undefined || stream.destroyed || stream.writableFinished) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('close', resolve);
    stream.end();
  });
}

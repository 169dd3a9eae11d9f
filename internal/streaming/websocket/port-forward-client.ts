// A client of port-forward over WebSocket channels, which has named its ports in the request: one connection for each, on
// two channels, for data and for errors. Both begin with the port, a little-endian word.

import { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { keptBytes } from '../../sys/kept-bytes.ts';
import type { ForwardedConnection, PortForwardClient } from '../stream-client.ts';
import { decodeMessage, encodeMessage } from './channel-codec.ts';
import { WebSocketConnection } from './connection.ts';
import type { WebSocketProtocol } from './protocols.ts';

/** What waits on a stream before its sender has to. */
const bufferBytes = 64 * 1024;

/** Closes when all its connections have ended. */
export class WebSocketPortForwardClient implements PortForwardClient {
  readonly gone: AbortSignal;
  readonly #connection: WebSocketConnection;
  readonly #isBase64: boolean;
  readonly #forwarded: readonly ChannelConnection[];
  #open: number;

  constructor(socket: WebSocket, protocol: WebSocketProtocol, ports: readonly number[], idleMs: number) {
    this.#isBase64 = protocol.isBase64;
    this.#connection = new WebSocketConnection(socket, idleMs, (message) => this.#receive(message));
    this.gone = this.#connection.gone;
    this.#open = ports.length;
    this.#forwarded = ports.map((port, index) => this.#forward(port, 2 * index));
    this.gone.addEventListener('abort', () => this.#drop(), { once: true });
    if (ports.length === 0) void this.close();
  }

  onConnection(listener: (connection: ForwardedConnection) => void): void {
    for (const connection of this.#forwarded) listener(connection);
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  #forward(port: number, channel: number): ChannelConnection {
    const head = Buffer.alloc(2);
    head.writeUInt16LE(port);
    const send = (at: number, chunk: Buffer, done: () => void): void =>
      this.#connection.send(encodeMessage(at, chunk, this.#isBase64), () => done());
    send(channel, head, () => {});
    send(channel + 1, head, () => {});
    const link = {
      sendData: (chunk: Buffer, done: () => void) => send(channel, chunk, done),
      sendError: (text: string) => send(channel + 1, Buffer.from(text), () => {}),
      pause: (by: object) => this.#connection.pause(by),
      resume: (by: object) => this.#connection.resume(by),
    };
    const connection = new ChannelConnection(port, link);
    connection.data.once('close', () => {
      this.#open--;
      if (this.#open === 0) void this.close();
    });
    return connection;
  }

  #receive(message: Buffer): void {
    const found = decodeMessage(message, this.#isBase64);
    if (found === undefined || found.channel % 2 !== 0) return;
    this.#forwarded[found.channel / 2]?.receive(found.payload);
  }

  #drop(): void {
    for (const { data } of this.#forwarded) data.destroy(this.gone.reason as Error);
  }
}

interface ChannelLink {
  sendData(chunk: Buffer, done: () => void): void;
  sendError(text: string): void;
  pause(by: object): void;
  resume(by: object): void;
}

class ChannelConnection implements ForwardedConnection {
  readonly port: number;
  readonly data: Duplex;
  readonly #link: ChannelLink;
  #isOver = false;

  constructor(port: number, link: ChannelLink) {
    this.port = port;
    this.#link = link;
    const data: Duplex = new Duplex({
      highWaterMark: bufferBytes,
      read: () => link.resume(data),
      write: (chunk: Buffer, _encoding, done) => link.sendData(chunk, done),
      // The protocol cannot end one direction: the end of what the pod sends is the end of all.
      final: (done) => {
        this.#isOver = true;
        data.push(null);
        data.resume();
        done();
      },
      destroy(error, done) {
        link.resume(data);
        done(error);
      },
    });
    this.data = data.on('error', () => {});
  }

  receive(payload: Buffer): void {
    if (this.data.destroyed || this.#isOver || payload.length === 0) return;
    if (!this.data.push(keptBytes(payload))) this.#link.pause(this.data);
  }

  fail(message: string): void {
    this.#link.sendError(message);
    this.data.destroy();
  }
}

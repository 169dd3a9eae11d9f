// A client of the WebSocket channel protocols, as lean as one can be: what it gets is kept by channel.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientOptions, WebSocket } from 'ws';
import { patienceMs } from './until.ts';

export class ChannelClient {
  readonly socket: WebSocket;
  readonly isBase64: boolean;
  /** All bytes of each channel, and the channels of the messages in order. */
  readonly channels = new Map<number, Buffer>();
  readonly order: number[] = [];
  readonly closed: Promise<number>;

  private constructor(socket: WebSocket, isBase64: boolean) {
    this.socket = socket;
    this.isBase64 = isBase64;
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {});
    socket.on('message', (message: Buffer, isBinary) => this.#receive(message, isBinary));
  }

  /** Rejects with the status code when the server refuses. */
  static async connect(url: string, protocol: string, options: ClientOptions = {}): Promise<ChannelClient> {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), protocol === '' ? [] : [protocol], options);
    const client = new ChannelClient(socket, protocol.includes('base64'));
    const refused = new Promise<never>((_, reject) => {
      socket.once('unexpected-response', (_request, { statusCode }) => {
        reject(new Error(`refused with ${statusCode}`));
        socket.terminate();
      });
      socket.once('error', reject);
    });
    await Promise.race([once(socket, 'open'), refused]);
    return client;
  }

  text(channel: number): string {
    return this.channels.get(channel)?.toString() ?? '';
  }

  /** The outcome on the error channel, of protocols that tell it in JSON. */
  get outcome(): { status?: string; reason?: string; message?: string; details?: unknown } {
    return JSON.parse(this.text(3));
  }

  send(channel: number, data: string | Buffer): void {
    const payload = Buffer.from(data);
    if (this.isBase64) this.socket.send(`${channel}${payload.toString('base64')}`);
    else this.socket.send(Buffer.concat([Buffer.from([channel]), payload]));
  }

  /** Version 5: nothing more comes on the channel. */
  endChannel(channel: number): void {
    this.socket.send(Buffer.from([255, channel]));
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + patienceMs;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`it did not become so: ${what}`);
      await sleep(5);
    }
  }

  #receive(message: Buffer, isBinary: boolean): void {
    if (this.isBase64 === isBinary) throw new Error('a message has the wrong type for the protocol');
    const channel = (message[0] ?? 0) - (this.isBase64 ? 0x30 : 0);
    const rest = message.subarray(1);
    const payload = this.isBase64 ? Buffer.from(rest.toString(), 'base64') : rest;
    this.order.push(channel);
    this.channels.set(channel, Buffer.concat([this.channels.get(channel) ?? Buffer.alloc(0), payload]));
  }
}

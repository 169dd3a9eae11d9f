// A client of a monitor's socket that sees every frame, and grants only what a test grants.

import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import {
  decodeControl,
  encodeControl,
  encodeFrame,
  encodeWindow,
  FrameReader,
  frameType,
} from '../../internal/monitor/frames.ts';
import { until, type World } from './monitor-fixture.ts';

const allStreams = { stdin: true, stdout: true, stderr: true };

export class RawClient {
  readonly socket: Socket;
  readonly output: Record<number, Buffer[]> = { [frameType.stdout]: [], [frameType.stderr]: [] };
  /** Channels of the streams that have ended. */
  readonly ends: number[] = [];
  readonly control: Record<string, unknown>[] = [];
  readonly errors: string[] = [];
  /** Types of all frames in order. */
  readonly order: number[] = [];
  readonly closed: Promise<void>;
  /** Bytes of stdin that the monitor has granted. */
  granted = 0;

  constructor(path: string) {
    this.socket = connect({ path, allowHalfOpen: true });
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
    const reader = new FrameReader();
    this.socket.on('error', () => {});
    this.socket.on('end', () => this.socket.end());
    this.socket.on('data', (chunk: Buffer) => {
      for (const frame of reader.push(chunk)) {
        this.order.push(frame.type);
        if (frame.type === frameType.control) this.control.push(decodeControl(frame));
        else if (frame.type === frameType.eof) this.ends.push(frame.channel);
        else if (frame.type === frameType.error) this.errors.push(frame.payload.toString());
        else if (frame.type === frameType.window) this.granted += frame.payload.readUInt32LE();
        else this.output[frame.type]?.push(Buffer.from(frame.payload));
      }
    });
  }

  /** Attached to a container, with more granted than any test needs. */
  static async attach(world: World, id: string, streams: object = allStreams): Promise<RawClient> {
    const client = new RawClient(join(world.root, 'm', id.slice(0, 12), 's'));
    const reply = await client.request({ op: 'attach', mode: 'drop', ...streams });
    if (reply['seq'] !== 1 || reply['err'] !== undefined)
      throw new Error(`not attached: ${JSON.stringify(reply)}`);
    client.grant(0xffff_ffff);
    return client;
  }

  /** The answer; `seq` is 1. */
  async request(message: object): Promise<Record<string, unknown>> {
    const at = this.control.length;
    this.socket.write(encodeControl({ seq: 1, ...message }));
    await until('answered', () => this.control.length > at || this.socket.destroyed);
    return this.control.splice(at, 1)[0] ?? {};
  }

  grant(bytes: number): void {
    this.socket.write(encodeFrame(frameType.window, 0, encodeWindow(bytes)));
  }

  /** Sends stdin as far as it is granted, waiting for more. */
  async write(data: Buffer): Promise<void> {
    for (let at = 0; at < data.length; ) {
      await until('granted', () => this.granted > 0 || this.socket.destroyed);
      const size = Math.min(this.granted, data.length - at, 60_000);
      if (size === 0) throw new Error('the connection is closed');
      this.granted -= size;
      this.socket.write(encodeFrame(frameType.stdin, 0, data.subarray(at, at + size)));
      at += size;
    }
  }

  endStdin(): void {
    this.socket.write(encodeFrame(frameType.eof, frameType.stdin, Buffer.alloc(0)));
  }

  bytes(type: number): Buffer {
    return Buffer.concat(this.output[type] ?? []);
  }

  text(type: number): string {
    return this.bytes(type).toString();
  }
}

// An attached client of a container, over its monitor's socket.

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { decodeControl, encodeControl, FrameReader, frameType } from '../../internal/monitor/frames.ts';
import { until, type World } from './monitor-fixture.ts';

export interface Attached {
  readonly socket: Socket;
  readonly output: Record<number, Buffer[]>;
  readonly eof: number[];
  readonly control: Record<string, unknown>[];
  readonly errors: string[];
  readonly closed: Promise<void>;
  text(type: number): string;
}

const allStreams = { stdin: true, stdout: true, stderr: true };

export async function attachTo(world: World, id: string, streams: object = allStreams): Promise<Attached> {
  const socket = connect({ path: join(world.root, 'm', id.slice(0, 12), 's'), allowHalfOpen: true });
  const reader = new FrameReader();
  const attached: Attached = {
    socket,
    output: { [frameType.stdout]: [], [frameType.stderr]: [] },
    eof: [],
    control: [],
    errors: [],
    closed: new Promise((resolve) => socket.once('close', () => resolve())),
    text: (type) => Buffer.concat(attached.output[type] ?? []).toString(),
  };
  socket.on('error', () => {});
  socket.on('end', () => socket.end());
  socket.on('data', (chunk: Buffer) => {
    for (const frame of reader.push(chunk)) {
      if (frame.type === frameType.control) attached.control.push(decodeControl(frame));
      else if (frame.type === frameType.eof) attached.eof.push(frame.channel);
      else if (frame.type === frameType.error) attached.errors.push(frame.payload.toString());
      else attached.output[frame.type]?.push(Buffer.from(frame.payload));
    }
  });
  socket.write(encodeControl({ op: 'attach', seq: 1, ...streams }));
  await until('attached', () => attached.control.length > 0);
  assert.equal(attached.control.shift()?.['err'], undefined);
  return attached;
}

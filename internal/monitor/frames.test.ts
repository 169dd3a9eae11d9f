import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeControl, encodeControl, encodeFrame, type Frame, FrameReader, frameType } from './frames.ts';

function plain(frames: readonly Frame[]): unknown[] {
  return frames.map(({ type, channel, payload }) => [type, channel, payload.toString()]);
}

test('frames come out as they went in, however the bytes are cut', () => {
  const bytes = Buffer.concat([
    encodeControl({ op: 'x' }),
    encodeFrame(frameType.stdout, 0, Buffer.from('hello')),
    encodeFrame(frameType.eof, frameType.stdout, Buffer.alloc(0)),
  ]);
  const expected = [
    [0, 0, '{"op":"x"}'],
    [2, 0, 'hello'],
    [4, 2, ''],
  ];
  for (let step = 1; step <= bytes.length; step++) {
    const reader = new FrameReader();
    const frames: Frame[] = [];
    for (let at = 0; at < bytes.length; at += step)
      frames.push(...reader.push(bytes.subarray(at, at + step)));
    assert.deepEqual(plain(frames), expected);
  }
});

test('in pieces the data of outputs is what it was, and nothing else is cut', () => {
  const bytes = Buffer.concat([
    encodeFrame(frameType.stdout, 0, Buffer.from('hello')),
    encodeControl({ op: 'x' }),
    encodeFrame(frameType.stderr, 0, Buffer.from('world')),
    encodeFrame(frameType.stdout, 0, Buffer.alloc(0)),
    encodeFrame(frameType.eof, frameType.stdout, Buffer.alloc(0)),
  ]);
  for (let step = 1; step <= bytes.length; step++) {
    const reader = new FrameReader(true);
    const frames: Frame[] = [];
    for (let at = 0; at < bytes.length; at += step)
      frames.push(...reader.push(bytes.subarray(at, at + step)));
    const of = (type: number): Frame[] => frames.filter((frame) => frame.type === type);
    const text = (type: number): string => String(Buffer.concat(of(type).map(({ payload }) => payload)));
    assert.deepEqual([text(frameType.stdout), text(frameType.stderr)], ['hello', 'world']);
    assert.deepEqual(plain(of(frameType.control)), [[0, 0, '{"op":"x"}']]);
    assert.deepEqual(plain(frames.slice(-1)), [[4, 2, '']]);
  }
});

test('the bytes on the wire', () => {
  assert.deepEqual([...encodeFrame(3, 0, Buffer.from('ab'))], [4, 0, 0, 0, 3, 0, 97, 98]);
});

test('a frame that is too long or too short is refused', () => {
  for (const length of [0, 1, 1024 * 1024 + 1, 0xffff_ffff]) {
    const head = Buffer.alloc(6);
    head.writeUInt32LE(length);
    assert.throws(() => new FrameReader().push(head), /cannot have/);
  }
  assert.throws(() => encodeFrame(1, 0, Buffer.alloc(1024 * 1024)), /longer than/);
});

test('a control frame holds an object', () => {
  for (const text of ['[]', 'null', '1', '{'])
    assert.throws(() => decodeControl({ type: 0, channel: 0, payload: Buffer.from(text) }));
});

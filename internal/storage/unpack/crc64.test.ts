import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { ChunkMemory } from './chunk-memory.ts';
import { Crc64 } from './crc64.ts';

function crcOf(...parts: Uint8Array[]): string {
  const crc = new Crc64();
  for (const part of parts) crc.update(part);
  return crc.digest().toString('hex');
}

test('Crc64 gives the check value of CRC-64/GO-ISO', () => {
  assert.equal(crcOf(Buffer.from('123456789')), 'b90956c775a41001');
  assert.equal(crcOf(), '0000000000000000');
});

test('Crc64 does not care how the bytes are cut', () => {
  const data = Buffer.from(Array.from({ length: 1000 }, (_, at) => (at * 31) & 0xff));
  const whole = crcOf(data);
  for (const cut of [1, 7, 8, 9, 500, 999])
    assert.equal(crcOf(data.subarray(0, cut), data.subarray(cut)), whole);
});

/** By the book: one bit after the other. */
function crcByBits(data: Uint8Array): string {
  const ones = 0xffff_ffff_ffff_ffffn;
  let crc = ones;
  for (const byte of data) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1n ? (crc >> 1n) ^ 0xd800_0000_0000_0000n : crc >> 1n;
  }
  return (crc ^ ones).toString(16).padStart(16, '0');
}

test('Crc64 is what the definition says, for all lengths and values of a byte', () => {
  const data = Buffer.from(Array.from({ length: 1024 }, (_, at) => (at * 151 + (at >> 3) * 7) & 0xff));
  for (let length = 0; length < 40; length += 1)
    assert.equal(crcOf(data.subarray(length, 2 * length)), crcByBits(data.subarray(length, 2 * length)));
  for (let byte = 0; byte < 256; byte += 1)
    assert.equal(crcOf(Buffer.from([byte])), crcByBits(Buffer.from([byte])));
  assert.equal(crcOf(data), crcByBits(data));
});

test('Crc64 of bytes in a chunk memory is that of the same bytes elsewhere', () => {
  const memory = new ChunkMemory(100_000);
  randomBytes(memory.buffer.length).copy(memory.buffer);
  assert.ok(memory.has(memory.buffer), 'this machine has no WebAssembly with vectors');
  const ranges: (readonly [from: number, to: number])[] = [2048, 2049, 2063, 2064, 4096, 16_911, 40_000].map(
    (length) => [length % 13, (length % 13) + length],
  );
  ranges.push([0, 100_000], [512, 16_384 + 1024], [7, 99_999]);
  for (const [from, to] of ranges) {
    const part = memory.buffer.subarray(from, to);
    const folded = new Crc64(memory);
    folded.update(part);
    assert.equal(folded.digest().toString('hex'), crcOf(Buffer.from(part)), `${from} to ${to}`);
  }
  const pieces = [2500, 3, 5000, 0, 90_000, 2497].map((length, index, all) => {
    const at = all.slice(0, index).reduce((sum, each) => sum + each, 0);
    return memory.buffer.subarray(at, at + length);
  });
  const running = new Crc64(memory);
  for (const piece of pieces) running.update(piece);
  assert.equal(running.digest().toString('hex'), crcOf(Buffer.from(memory.buffer)));
});

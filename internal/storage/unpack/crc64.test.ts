import assert from 'node:assert/strict';
import { test } from 'node:test';
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

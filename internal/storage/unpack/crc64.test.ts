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

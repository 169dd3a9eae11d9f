import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keptBytes } from './kept-bytes.ts';

test('a small part of what was read is copied, a large one is not', () => {
  const read = Buffer.alloc(64 * 1024, 'ab');
  const small = keptBytes(read.subarray(1, 4));
  assert.equal(small.toString(), 'bab');
  assert.equal(small.buffer.byteLength, 3);
  const large = read.subarray(100, 32_868);
  assert.equal(keptBytes(large), large);
  assert.equal(keptBytes(Buffer.alloc(0)).length, 0);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DetachKeys, parseDetachKeys } from './detach-keys.ts';

test('parseDetachKeys knows letters and control keys', () => {
  assert.deepEqual(parseDetachKeys('ctrl-p,ctrl-q'), Buffer.from([0x10, 0x11]));
  assert.deepEqual(parseDetachKeys('ctrl-@,a,ctrl-],~'), Buffer.from([0, 0x61, 0x1d, 0x7e]));
  assert.deepEqual(parseDetachKeys(''), Buffer.alloc(0));
  for (const bad of ['ctrl-', 'ctrl-P', 'ab', 'a,,b', 'é', 'alt-a'])
    assert.equal(parseDetachKeys(bad), undefined, bad);
});

/** What passes of each chunk, and `!` where the sequence was found. */
function fed(keys: string, ...chunks: readonly string[]): string {
  const detach = new DetachKeys(parseDetachKeys(keys) ?? Buffer.alloc(0));
  return chunks
    .map((chunk) => detach.feed(Buffer.from(chunk)))
    .map(({ pass, isDetached }) => `${pass}${isDetached ? '!' : ''}`)
    .join('|');
}

test('the sequence is found across chunks, and what only began like it passes', () => {
  assert.equal(fed('x,y', 'abxyz'), 'ab!');
  assert.equal(fed('x,y', 'abx', 'yz'), 'ab|!');
  assert.equal(fed('x,y', 'x', 'x', 'a'), '|x|xa');
  assert.equal(fed('a,a,b', 'aaab'), 'a!');
  assert.equal(fed('x', 'abx'), 'ab!');
  assert.equal(fed('', 'anything\u0010\u0011'), 'anything\u0010\u0011');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PodLevels } from './pod-levels.ts';

test('every pair of categories is given once, then there is none', () => {
  const levels = new PodLevels(4);
  const taken = ['a', 'b', 'c', 'd', 'e', 'f'].map((podId) => levels.take(podId, []));
  const pairs = ['c0,c1', 'c0,c2', 'c0,c3', 'c1,c2', 'c1,c3', 'c2,c3'];
  assert.deepEqual(
    taken.toSorted(),
    pairs.map((pair) => `s0:${pair}`),
  );
  assert.throws(() => levels.take('g', []), { kind: 'resource-exhausted' });
  levels.settle('c');
  assert.equal(levels.take('g', []), taken[2]);
});

test('levels of known pods are not given', () => {
  const levels = new PodLevels(3);
  assert.equal(levels.take('a', ['s0:c0,c1', 's0:c1,c2']), 's0:c0,c2');
});

test('the categories are in the policy’s range and in order', () => {
  const levels = new PodLevels();
  for (let count = 0; count < 2000; count += 1) {
    const [, low, high] = /^s0:c(\d+),c(\d+)$/.exec(levels.take(String(count), [])) ?? [];
    assert.ok(Number(low) < Number(high) && Number(high) < 1024);
  }
});

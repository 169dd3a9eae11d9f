import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOptions } from './options.ts';

test('parseOptions has runc, one spec at once and all specs by default, and a seed of the moment', () => {
  const { seed, ...rest } = parseOptions([]);
  assert.deepEqual(rest, { runtime: 'runc', processes: 1, isWebSocket: false, focus: '' });
  assert.ok(seed > 0);
});

test('parseOptions takes what is given and refuses other words', () => {
  const args = ['--runtime', 'crun', '--parallel', '2', '--websocket', '--seed', '7', '--focus', 'Pod'];
  const expected = { runtime: 'crun', processes: 2, isWebSocket: true, focus: 'Pod', seed: 7 };
  assert.deepEqual(parseOptions(args), expected);
  assert.throws(() => parseOptions(['--parallel', 'all']), /--parallel is not a positive number: all/);
  assert.throws(() => parseOptions(['--runtimes', 'crun']), /--runtimes/);
});

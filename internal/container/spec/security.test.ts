import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hiddenPaths, workingDirectory } from './security.ts';

test('hiddenPaths are the lists as given, and none when privileged', () => {
  const lists = { maskedPaths: ['/proc/kcore'], readonlyPaths: ['/proc/sys'] };
  assert.deepEqual(hiddenPaths({ privileged: false, ...lists }), lists);
  assert.deepEqual(hiddenPaths({ privileged: true, ...lists }), { maskedPaths: [], readonlyPaths: [] });
  assert.throws(() => hiddenPaths({ privileged: false, maskedPaths: ['etc'], readonlyPaths: [] }));
});

test('workingDirectory is absolute and never what the runtime has open', () => {
  assert.equal(workingDirectory('', ''), '/');
  assert.equal(workingDirectory('/a', '/b'), '/a');
  assert.equal(workingDirectory('', 'app/../srv'), '/srv');
  for (const path of ['/proc/self/fd/8', '/proc/1/../self/fd/8/..//x', '/proc/self/cwd', '/a\0']) {
    assert.throws(() => workingDirectory(path, ''), { kind: 'invalid-argument' }, path);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entryPath } from './entry-path.ts';

test('entryPath cleans names by their text', () => {
  assert.deepEqual(entryPath('./a//b/../c/', 1000), { path: 'a/c', parent: 'a', base: 'c' });
  assert.deepEqual(entryPath('/etc/passwd', 1000), { path: 'etc/passwd', parent: 'etc', base: 'passwd' });
  assert.deepEqual(entryPath('./', 1000), { path: '', parent: '', base: '' });
});

test('entryPath refuses names that leave the root, hold a NUL or are too long', () => {
  for (const bad of ['..', 'a/../..', '../a', 'a/../../a', 'x\0y', 'x'.repeat(256), 'a/'.repeat(600)]) {
    assert.throws(() => entryPath(bad, 1000));
  }
});

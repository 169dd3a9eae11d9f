import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isFrozen } from './frozen.ts';

let root: string;
before(() => {
  root = mkdtempSync('/tmp/cria-frozen-');
  mkdirSync(join(root, 'freezer/pod/c'), { recursive: true });
  mkdirSync(join(root, 'unified/pod/c'), { recursive: true });
});
after(() => rmSync(root, { recursive: true }));

test('a hybrid machine is asked by its v1 freezer, one with v2 alone by the file of the cgroup', () => {
  const v1 = { path: join(root, 'freezer'), controllers: ['rw', 'freezer'] };
  const v2 = { path: join(root, 'unified'), controllers: undefined };
  writeFileSync(join(root, 'freezer/pod/c/freezer.self_freezing'), '1\n');
  writeFileSync(join(root, 'unified/pod/c/cgroup.freeze'), '0\n');
  assert.equal(isFrozen([v2, v1], '/pod/c'), true);
  assert.equal(isFrozen([v2], '/pod/c'), false);
  writeFileSync(join(root, 'unified/pod/c/cgroup.freeze'), '1\n');
  assert.equal(isFrozen([v2], '/pod/c'), true);
});

test('a cgroup that is gone, and a machine without a freezer, freeze nobody', () => {
  assert.equal(isFrozen([{ path: join(root, 'unified'), controllers: undefined }], '/pod/absent'), false);
  assert.equal(isFrozen([{ path: root, controllers: ['memory'] }], '/pod/c'), false);
});

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { errnoCode } from '../errors/errno.ts';
import { resolveInRoot } from './resolve-in-root.ts';

let root: string;
before(() => {
  root = mkdtempSync(join(tmpdir(), 'resolve-'));
  mkdirSync(join(root, 'etc'));
  writeFileSync(join(root, 'etc/passwd'), '');
  symlinkSync('/etc', join(root, 'absolute'));
  symlinkSync('../../../../etc/passwd', join(root, 'etc/climbing'));
});
after(() => rmSync(root, { recursive: true }));

test('resolveInRoot never leaves the root', () => {
  const inside = join(root, 'etc/passwd');
  for (const path of [
    '/etc/passwd',
    'absolute/passwd',
    'etc/climbing',
    '../../etc/passwd',
    '/../etc/./passwd',
  ]) {
    assert.equal(resolveInRoot(root, path), inside);
  }
});

test('resolveInRoot says with an errno name what is missing', () => {
  assert.throws(
    () => resolveInRoot(root, 'absolute/shadow'),
    (error) => errnoCode(error) === 'ENOENT',
  );
});

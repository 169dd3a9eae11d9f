import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readRootfsText } from './rootfs-files.ts';

let root: string;
before(() => {
  root = mkdtempSync(join(tmpdir(), 'rootfs-'));
  mkdirSync(join(root, 'etc'));
  writeFileSync(join(root, 'etc/passwd'), 'of the image');
  symlinkSync('/etc', join(root, 'absolute'));
  symlinkSync('../../../../etc/passwd', join(root, 'etc/climbing'));
  symlinkSync('/proc/self/environ', join(root, 'etc/magic'));
  spawnSync('mkfifo', [join(root, 'etc/fifo')]);
});
after(() => rmSync(root, { recursive: true }));

test('readRootfsText never leaves the root, whatever links are in the way', async () => {
  for (const path of [
    '/etc/passwd',
    'absolute/passwd',
    'etc/climbing',
    '../../etc/passwd',
    '/../etc/./passwd',
  ]) {
    assert.equal(await readRootfsText(root, path, 100), 'of the image', path);
  }
});

test('readRootfsText is empty for what is missing or no regular file, and reads no more than it may', async () => {
  for (const path of ['/etc/shadow', '/etc', '/etc/magic', '/etc/passwd/x']) {
    assert.equal(await readRootfsText(root, path, 100), '', path);
  }
  assert.equal(await readRootfsText(root, '/etc/passwd', 4), 'of t');
});

test('readRootfsText refuses a pipe, for which an OCI runtime would wait', async () => {
  await assert.rejects(readRootfsText(root, '/etc/fifo', 100), {
    kind: 'failed-precondition',
    message: '/etc/fifo of the image is a pipe',
  });
});

// What belongs to a test is what the harness may kill: all of that, and nothing else.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findStaticBusybox } from '../harness/images.ts';
import { processesOf } from '../harness/proc.ts';
import { missing } from '../harness/requirements.ts';

const skip = missing('unshare');
let root = '';

before(() => {
  if (skip !== false) return;
  root = mkdtempSync('/var/tmp/cria-processes-');
  for (const name of ['lower/bin', 'upper', 'work', 'rootfs'])
    mkdirSync(join(root, name), { recursive: true });
  copyFileSync(findStaticBusybox() ?? '', join(root, 'lower/bin/sh'));
  const parts = ['lower', 'upper', 'work'].map((name) => `${name}dir=${join(root, name)}`);
  execFileSync('mount', ['-t', 'overlay', '-o', parts.join(','), 'overlay', join(root, 'rootfs')]);
});

after(() => {
  if (root === '') return;
  execFileSync('umount', ['-l', join(root, 'rootfs')]);
  rmSync(root, { recursive: true });
});

/** Whether a program in a mount namespace of its own, in the directory of the root file system, belongs to the test. */
async function belongs(...argv: readonly string[]): Promise<boolean> {
  const args = ['--mount', ...argv, '-c', 'echo ready; read line'];
  const program = spawn('unshare', args, { cwd: join(root, 'rootfs'), stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => program.once('exit', resolve));
  await new Promise((resolve) => program.stdout.once('data', resolve));
  const found = processesOf(root, '/no-cgroup');
  program.stdin.end();
  await ended;
  return found.some(({ pid }) => pid === program.pid);
}

test('a process that has only a copy of all mounts belongs to nobody', { skip }, async () => {
  assert.equal(await belongs('/bin/sh'), false);
});

test('a process whose root file system is below the directory of a test belongs to it', {
  skip,
}, async () => {
  assert.equal(await belongs('chroot', '.', '/bin/sh'), true);
});

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ensureDirectory, listDirectory, removeTree } from './directories.ts';

test('removeTree deletes a tree without following links, and an absent one is success', async () => {
  const root = await mkdtemp(join(tmpdir(), 'directories-'));
  await mkdir(join(root, 'outside'));
  await writeFile(join(root, 'outside/kept'), '');
  await mkdir(join(root, 'tree/deep'), { recursive: true });
  await writeFile(join(root, 'tree/deep/file'), '');
  await symlink(join(root, 'outside'), join(root, 'tree/link'));
  await removeTree(join(root, 'tree'));
  await removeTree(join(root, 'tree'));
  assert.deepEqual(await readdir(root), ['outside']);
  assert.deepEqual(await listDirectory(join(root, 'outside')), ['kept']);
  assert.deepEqual(await listDirectory(join(root, 'tree')), []);
  await removeTree(root);
});

test('ensureDirectory takes a link to a directory for one, and refuses a link to none, as to a disk that is not mounted', async () => {
  const root = await mkdtemp(join(tmpdir(), 'directories-'));
  await mkdir(join(root, 'disk'));
  await symlink('disk', join(root, 'mounted'));
  await symlink('missing', join(root, 'unmounted'));
  await ensureDirectory(join(root, 'mounted'));
  await ensureDirectory(join(root, 'mounted/a/b'));
  assert.deepEqual(await readdir(join(root, 'disk/a')), ['b']);
  await assert.rejects(ensureDirectory(join(root, 'unmounted')), { code: 'EEXIST' });
  await assert.rejects(ensureDirectory(join(root, 'unmounted/a')));
  await removeTree(root);
});

// The file-descriptor based mount calls, which containers of very many layers need.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { errnoCode } from '../../internal/errors/errno.ts';
import { removeTree } from '../../internal/fs/directories.ts';
import { fsMount, MNT_DETACH, mount, unmount } from '../../internal/sys/mount.ts';

test('removeTree stops at a mount and leaves what is in it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'remove-tree-'));
  const target = join(directory, 'tree/mounted');
  mkdirSync(target, { recursive: true });
  await mount({ source: 'tmpfs', target, type: 'tmpfs', flags: 0, data: '' });
  try {
    writeFileSync(join(target, 'kept'), '');
    await assert.rejects(removeTree(join(directory, 'tree')), (error) => errnoCode(error) === 'EBUSY');
    assert.deepEqual(readdirSync(target), ['kept']);
  } finally {
    await unmount(target, MNT_DETACH);
    await removeTree(directory);
  }
});

test('fsMount mounts an overlay with one option per layer', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'fs-mount-'));
  try {
    const lowers = Array.from({ length: 150 }, (_, at) => join(directory, `lower-${at}`));
    for (const [at, path] of lowers.entries()) {
      mkdirSync(path);
      writeFileSync(join(path, `file-${at}`), String(at));
    }
    const target = join(directory, 'target');
    for (const path of [target, join(directory, 'upper'), join(directory, 'work')]) mkdirSync(path);
    const options: [string, string | undefined][] = [
      ...lowers.map((path): [string, string] => ['lowerdir+', path]),
      ['upperdir', join(directory, 'upper')],
      ['workdir', join(directory, 'work')],
      ['volatile', undefined],
    ];
    try {
      await fsMount({ type: 'overlay', target, options, attributes: 0 });
    } catch (cause) {
      if (!['ENOSYS', 'EINVAL'].includes(errnoCode(cause) ?? '')) throw cause;
      return context.skip('this kernel is older than 6.7');
    }
    assert.equal(readFileSync(join(target, 'file-149'), 'utf8'), '149');
    await unmount(target, MNT_DETACH);
    await assert.rejects(unmount(target, 0), (error) => errnoCode(error) === 'EINVAL');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

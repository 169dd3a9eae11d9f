import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { plainMount } from '../../test/fixtures/spec-input.ts';
import type { ContainerMount } from './container-config.ts';
import { resolveMountSources } from './mount-sources.ts';

let root = '';
before(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'mounts-')));
});
after(() => rm(root, { recursive: true }));

const mountOf = (hostPath: string): ContainerMount => ({ ...plainMount, containerPath: '/x', hostPath });

test('resolveMountSources follows links and makes missing directories', async () => {
  await mkdir(join(root, 'real'));
  await symlink('real', join(root, 'link'));
  const mounts = [join(root, 'link'), join(root, 'new/dir')].map(mountOf);
  const resolved = await resolveMountSources(mounts, []);
  assert.deepEqual(
    resolved.map((mount) => mount.hostPath),
    [join(root, 'real'), join(root, 'new/dir')],
  );
  assert.ok((await stat(join(root, 'new/dir'))).isDirectory());
});

test('resolveMountSources refuses what the configuration lists, relative paths and paths through files', async () => {
  const listed = join(root, 'listed');
  await assert.rejects(resolveMountSources([mountOf(listed)], [listed]), /absent_mount_sources_to_reject/);
  await assert.rejects(stat(listed), /ENOENT/);
  await assert.rejects(resolveMountSources([mountOf('etc')], []), { kind: 'invalid-argument' });
  await assert.rejects(resolveMountSources([mountOf('/dev/null/x')], []), /"\/dev\/null\/x" cannot be used/);
});

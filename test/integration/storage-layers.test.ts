// Layers as other tools make them: many on one another, with capabilities, links and whiteouts, from real archives; and
// what containers leave of them.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tarArchive } from '../fixtures/tar-builder.ts';
import { storeImage, storeLayer, testLayer, useStorageWorld } from './storage-world.ts';

const world = useStorageWorld();

test('a container on seventy layers is mounted', async () => {
  const layers = Array.from({ length: 70 }, (_, at) =>
    testLayer(tarArchive([{ name: `file-${at}`, content: Buffer.from(`${at}`) }])),
  );
  const image = await storeImage(world.store, layers, 'localhost/tall:1');
  const containerId = randomBytes(32).toString('hex');
  const target = join(world.directory, 'tall');
  await world.store.containers.create({ containerId, imageId: image.id, names: ['tall'], metadata: {} });
  await world.store.containers.mount(containerId, target);
  assert.equal(readFileSync(join(target, 'file-0'), 'utf8'), '0');
  assert.equal(readFileSync(join(target, 'file-69'), 'utf8'), '69');
  await world.store.containers.unmount(target);
  await world.store.containers.remove(containerId);
  await world.store.images.remove(image.id);
  assert.equal(world.store.layers.findLayer(undefined, layers[0]?.diffId ?? 'sha256:'), undefined);
});

test('file capabilities, nanoseconds and the root of the layer are as in the archive', async () => {
  const tree = world.tarOf(
    'touch cap; chown 5:6 cap; setcap cap_net_raw+ep cap; touch -d "2020-02-02 02:02:02.123456789" cap; chmod 711 .',
    '--format=pax',
    '--xattrs',
    '--xattrs-include=*',
  );
  const stored = await storeLayer(world.store, testLayer(tree));
  const diff = join(world.graphRoot, 'overlay', stored.id, 'diff');
  const file = statSync(join(diff, 'cap'), { bigint: true });
  assert.deepEqual([file.uid, file.gid, file.mtimeNs % 1_000_000_000n], [5n, 6n, 123_456_789n]);
  assert.match(world.shell(`getcap ${diff}/cap`), /cap_net_raw/);
  assert.equal(statSync(diff).mode & 0o7777, 0o711);
});

test('a hard link to a file leaves it its capabilities and access lists', async () => {
  const capability = '\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0'; // cap_net_raw=ep
  // The kernel keeps a list only if it says more than a mode does: user 9 may read.
  const entries = [
    [1, 6, -1],
    [2, 4, 9],
    [4, 4, -1],
    [16, 4, -1],
    [32, 4, -1],
  ] as const;
  const list = Buffer.alloc(4 + 8 * entries.length);
  list.writeUInt32LE(2, 0);
  for (const [at, [tag, rights, id]] of entries.entries()) {
    list.writeUInt16LE(tag, 4 + at * 8);
    list.writeUInt16LE(rights, 6 + at * 8);
    list.writeInt32LE(id, 8 + at * 8);
  }
  const pax = {
    'SCHILY.xattr.security.capability': capability,
    'SCHILY.xattr.system.posix_acl_access': list.toString('latin1'),
  };
  const [mode, uid] = [0o4755, 7];
  const tar = tarArchive([
    { name: 'ping', mode, uid, pax },
    { name: 'ping6', type: '1', linkName: 'ping', mode, uid },
  ]);
  const { id } = await storeLayer(world.store, testLayer(tar));
  const path = join(world.graphRoot, 'overlay', id, 'diff/ping6');
  assert.match(world.shell(`getcap ${path}`), /cap_net_raw/);
  const listing = execFileSync('python3', ['-c', 'import os,sys; print(os.listxattr(sys.argv[1]))', path]);
  assert.match(listing.toString(), /system\.posix_acl_access/);
  assert.equal(statSync(path).nlink, 2);
});

test('a directory that replaces a whiteout hides what is below', async () => {
  const below = testLayer(tarArchive([{ name: 'd/', type: '5', mode: 0o755 }, { name: 'd/low' }]));
  const above = testLayer(tarArchive([{ name: '.wh.d' }, { name: 'd/', type: '5', mode: 0o755 }]));
  const image = await storeImage(world.store, [below, above], 'localhost/hidden:1');
  const mounted = world.podman('image', 'mount', image.id).trim();
  assert.deepEqual(readdirSync(join(mounted, 'd')), []);
  world.podman('image', 'umount', image.id);
});

test('a layer that lost its files is stored again, and an image on it is not listed meanwhile', async () => {
  const layer = testLayer(tarArchive([{ name: 'x', content: Buffer.from('x') }]));
  const upper = testLayer(tarArchive([{ name: 'y', content: Buffer.from('y') }]));
  const image = await storeImage(world.store, [layer], 'localhost/lost:1');
  const tall = await storeImage(world.store, [layer, upper], 'localhost/lost:2');
  rmSync(join(world.graphRoot, 'overlay', image.topLayerId ?? '', 'diff'), { recursive: true });
  assert.equal(world.store.layers.findLayer(undefined, layer.diffId), undefined);
  const container = { containerId: 'ab'.repeat(32), imageId: image.id, names: ['lost'], metadata: {} };
  await assert.rejects(world.store.containers.create(container), /has lost a layer; remove it and pull it/);
  const again = await storeImage(world.store, [layer], 'localhost/lost:1');
  const both = world.podman('image', 'mount', tall.id).trim();
  assert.equal(readFileSync(join(both, 'x'), 'utf8'), 'x');
  world.podman('image', 'umount', tall.id);
  assert.equal(again.id, image.id);
  const mounted = world.podman('image', 'mount', image.id).trim();
  assert.equal(readFileSync(join(mounted, 'x'), 'utf8'), 'x');
  world.podman('image', 'umount', image.id);
});

test('trees that a container made for trouble are deleted', async () => {
  const image = await storeImage(
    world.store,
    [testLayer(tarArchive([{ name: 'y', content: Buffer.from('y') }]))],
    'localhost/trouble:1',
  );
  const containerId = randomBytes(32).toString('hex');
  const target = join(world.directory, 'trouble');
  await world.store.containers.create({ containerId, imageId: image.id, names: ['trouble'], metadata: {} });
  await world.store.containers.mount(containerId, target);
  const deep =
    'import os,sys\nos.chdir(sys.argv[1])\nfor i in range(60):\n  os.mkdir("d"*200); os.chdir("d"*200); open("f","w")';
  execFileSync('python3', ['-c', deep, target]);
  writeFileSync(Buffer.from(`${target}/\xff\xfe`, 'latin1'), '');
  mkdirSync(join(target, 'locked'));
  chmodSync(join(target, 'locked'), 0);
  await world.store.containers.unmount(target);
  const root = world.store.containers.rootPath(containerId) ?? '';
  await world.store.containers.remove(containerId);
  assert.throws(() => statSync(join(root, '..')), /ENOENT/);
  assert.ok(!existsSync(join(world.graphRoot, 'overlay/tempdirs')));
});

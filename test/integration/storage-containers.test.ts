// Containers' read-write layers: their life, and what other tools see of them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '../../internal/log/logger.ts';
import { BindMountPinner } from '../../internal/namespaces/bind-mount-pinner.ts';
import { openStore } from '../../internal/storage/open-store.ts';
import type { StoredImage } from '../../internal/storage/store.ts';
import { StoreLock } from '../../internal/storage/store-lock.ts';
import { tarArchive } from '../fixtures/tar-builder.ts';
import { nodeCommandRunner } from '../harness/node-command-runner.ts';
import { openWorld, storeImage, testLayer, type World } from './storage-world.ts';

let world: World;
let image: StoredImage;

before(async () => {
  world = await openWorld();
  const base = testLayer(world.tarOf('chmod 755 .; echo base > file; mkdir dir; echo x > dir/gone'));
  const top = testLayer(world.tarOf('mkdir dir; touch dir/.wh.gone; echo top > new'));
  image = await storeImage(world.store, [base, top], 'localhost/base:1');
});
after(() => world.close());

function newContainer(name: string) {
  const containerId = randomBytes(32).toString('hex');
  return { containerId, imageId: image.id, names: [name], metadata: { 'pod-name': name } };
}

test('a container is created, mounted, written, unmounted, mounted again and removed', async () => {
  const { containers } = world.store;
  const container = newContainer('k8s_one');
  const target = join(world.directory, 'rootfs');
  await containers.create(container);
  await containers.mount(container.containerId, target);
  await containers.mount(container.containerId, target);
  assert.equal(readFileSync(join(target, 'file'), 'utf8'), 'base\n');
  assert.equal(readFileSync(join(target, 'new'), 'utf8'), 'top\n');
  assert.ok(!existsSync(join(target, 'dir/gone')));
  assert.equal(statSync(target).mode & 0o7777, 0o755);
  writeFileSync(join(target, 'file'), 'changed');
  await containers.unmount(target);
  await containers.unmount(target);
  assert.ok(!existsSync(join(target, 'file')));
  await containers.mount(container.containerId, target);
  assert.equal(readFileSync(join(target, 'file'), 'utf8'), 'changed');
  await containers.unmount(target);
  assert.deepEqual(await containers.listOwn(), [container.containerId]);
  const root = containers.rootPath(container.containerId) ?? '';
  assert.match(root, /overlay\/[0-9a-f]{64}\/merged$/);
  await containers.remove(container.containerId);
  await containers.remove(container.containerId);
  assert.ok(!existsSync(root));
  assert.deepEqual(await containers.listOwn(), []);
});

test('which ids containers have is known when whoever chooses some has let go of the lock', async () => {
  const { containers, state } = world.store;
  const piece = { inside: 0, outside: 1000, length: 1 };
  const uids = { ...piece, more: [{ inside: 1, outside: 200_000, length: 10 }] };
  const container = { ...newContainer('k8s_mapped'), idMaps: { uids, gids: { ...piece, outside: 300_000 } } };
  const lock = new StoreLock(state.userNamespaces.path, silentLogger, new AbortController().signal);
  let inUse: ReturnType<typeof containers.idsInUse> | undefined;
  await lock.hold('write', async () => {
    inUse = containers.idsInUse();
    await containers.create(container);
  });
  assert.deepEqual(await inUse, {
    uids: [
      { first: 1000, length: 1 },
      { first: 200_000, length: 10 },
    ],
    gids: [{ first: 300_000, length: 1 }],
  });
  await containers.remove(container.containerId);
  assert.deepEqual(await containers.idsInUse(), { uids: [], gids: [] });
});

test('a mount of the driver’s home over itself, as podman makes it, comes and goes without harm', async () => {
  const { containers } = world.store;
  const home = join(world.graphRoot, 'overlay');
  const turn = `mount --bind ${home} ${home} && umount -l ${home}`;
  const other = spawn('/bin/sh', ['-c', `i=0; while [ $i -lt 600 ]; do ${turn} || exit 1; i=$((i+1)); done`]);
  const ended = once(other, 'exit');
  const container = newContainer('k8s_beside_podman');
  const target = join(world.directory, 'beside');
  await containers.create(container);
  let mounts = 0;
  for (; other.exitCode === null && mounts < 400; mounts += 1) {
    await containers.mount(container.containerId, target);
    await containers.unmount(target);
  }
  other.kill();
  await ended;
  assert.ok(mounts > 10, `only ${mounts} mounts were made meanwhile`);
  await containers.remove(container.containerId);
});

test('our container pins its image for podman, and a container of podman pins it for us', async () => {
  const { containers, images } = world.store;
  const container = newContainer('k8s_two');
  await containers.create(container);
  assert.throws(() => world.podman('rmi', image.id), /in use|using/);
  await assert.rejects(images.remove(image.id), /in use by container/);
  await containers.remove(container.containerId);
  const theirs = world
    .podman('--runtime', 'runc', 'create', '--name', 'theirs', image.id, '/bin/true')
    .trim();
  await images.refresh();
  await assert.rejects(images.remove(image.id), new RegExp(`in use by container "${theirs}"`));
  assert.deepEqual(await containers.listOwn(), []);
  world.podman('rm', 'theirs');
});

test('a daemon that died while layers were mounted with other ids leaves no mount of the store', async () => {
  const { graphRoot, runRoot } = world;
  const left = join(runRoot, 'cria-mapped/0123456789abcdef');
  for (const name of ['0', '1']) mkdirSync(join(left, name), { recursive: true });
  world.shell(`mount --bind ${graphRoot}/overlay ${left}/0`);
  await (await openStore({ graphRoot, runRoot, logger: silentLogger })).close();
  assert.ok(!existsSync(left));
  assert.ok(existsSync(join(graphRoot, 'overlay/l')));
});

test('layers with the ids of a user namespace, however many', async () => {
  const { containers } = world.store;
  const monitorPath = fileURLToPath(new URL('../../bin/cria-monitor', import.meta.url));
  mkdirSync(join(world.directory, 'userns'));
  const pinner = new BindMountPinner(world.directory, monitorPath, nodeCommandRunner);
  const map = { inside: 0, outside: 200_000, length: 65_536 };
  const idMaps = { uids: map, gids: map };
  const sandboxId = 'e'.repeat(64);
  const nothing = { network: false, ipc: false, uts: false, hostname: '', sysctls: {} };
  const { user } = await pinner.pin({ sandboxId, ...nothing, user: idMaps }, new AbortController().signal);
  const target = join(world.directory, 'mapped');
  try {
    const content = Buffer.from('content');
    const layers = Array.from({ length: 34 }, (_, at) =>
      testLayer(tarArchive([{ name: `of-${at}`, content, uid: 3 }])),
    );
    const tall = await storeImage(world.store, layers, 'localhost/tall:1');
    for (const of of [image, tall]) {
      const container = { ...newContainer('k8s_mapped'), imageId: of.id, idMaps };
      await containers.create(container);
      await containers.mount(container.containerId, target, user);
      assert.equal(statSync(target).uid, 200_000);
      const [name = '', uid] = of === tall ? ['of-33', 200_003] : ['new', 200_000];
      assert.equal(statSync(join(target, name)).uid, uid);
      writeFileSync(join(target, name), 'copied up');
      const { path } = containers.writableLayer(container.containerId) ?? { path: '' };
      assert.equal(statSync(join(path, name)).uid, uid);
      await containers.unmount(target);
      await containers.remove(container.containerId);
    }
    assert.deepEqual(readdirSync(join(world.runRoot, 'cria-mapped')), []);
  } finally {
    await containers.unmount(target);
    await pinner.unpin(sandboxId);
  }
});

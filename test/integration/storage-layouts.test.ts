// Stores that are not one directory: read-only ones below, images on another file system, containers that a reboot ends.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '../../internal/log/logger.ts';
import { inspect } from '../../internal/storage/check/inspect.ts';
import { parseMountOptions } from '../../internal/storage/mount-options.ts';
import { openStore } from '../../internal/storage/open-store.ts';
import { tarArchive } from '../fixtures/tar-builder.ts';
import { openWorld, storeImage, testLayer, type World } from './storage-world.ts';

const base = testLayer(tarArchive([{ name: 'base', content: Buffer.from('base') }]));
const top = testLayer(tarArchive([{ name: 'top', content: Buffer.from('top') }]));
const newId = (): string => randomBytes(32).toString('hex');
const check = { contents: true, unreferencedAgeMs: 1e9, signal: new AbortController().signal };

function layerDirs(root: string): string[] {
  return readdirSync(join(root, 'overlay')).filter((name) => name.length === 64);
}

async function runs(world: World, imageId: string): Promise<string[]> {
  const containerId = newId();
  const target = join(world.directory, 'mounted');
  const { containers } = world.store;
  await containers.create({ containerId, imageId, names: [containerId], metadata: {} });
  await containers.mount(containerId, target);
  const names = readdirSync(target).sort();
  await containers.unmount(target);
  await containers.remove(containerId);
  return names;
}

test('images of an additional store are listed and run; their layers are stood on and not stored again', async () => {
  const below = await openWorld();
  const image = await storeImage(below.store, [base], 'localhost/baked:1');
  await below.store.close();
  const root = join(below.directory, 'read-only');
  below.shell(`mkdir ${root}; mount --bind ${below.graphRoot} ${root}; mount -o remount,bind,ro ${root}`);
  const before = below.shell(`cd ${root}; find . -printf '%p %T@ %C@\\n' | sort`);
  const world = await openWorld({ additionalStores: [root, '/nowhere/at/all'] });
  try {
    const [listed] = world.store.images.list();
    assert.deepEqual([listed?.id, listed?.readOnly, listed?.names[0]], [image.id, true, 'localhost/baked:1']);
    assert.deepEqual(
      JSON.parse(Buffer.from(await world.store.images.readConfig(image.id)).toString()).rootfs.diff_ids,
      [base.diffId],
    );
    assert.deepEqual(await runs(world, image.id), ['base']);
    assert.equal(world.store.layers.findLayer(undefined, base.diffId)?.id, image.topLayerId);
    const tall = await storeImage(world.store, [base, top], 'localhost/tall:1');
    assert.deepEqual(await runs(world, tall.id), ['base', 'top']);
    assert.deepEqual(layerDirs(world.graphRoot), [tall.topLayerId]);
    assert.deepEqual((await inspect(world.store.state, check)).findings, []);
    const podman = world
      .podman('--storage-opt', `overlay.imagestore=${root}`, 'image', 'mount', tall.id)
      .trim();
    assert.deepEqual(readdirSync(podman).sort(), ['base', 'top']);
    world.podman('--storage-opt', `overlay.imagestore=${root}`, 'image', 'umount', tall.id);
    await world.store.images.remove(tall.id);
    assert.equal(world.store.images.list().length, 1);
    await assert.rejects(world.store.images.addNames(image.id, ['localhost/x:1']), /not in the store/);
    assert.equal(
      below.shell(`cd ${root}; find . -printf '%p %T@ %C@\\n' | sort`),
      before,
      'nothing of it was touched',
    );
  } finally {
    await world.close();
    below.shell(`umount ${root}`);
    await below.close();
  }
});

test('an image that is added to an additional store appears', async () => {
  const below = await openWorld();
  const world = await openWorld({ additionalStores: [below.graphRoot] });
  try {
    assert.equal(world.store.images.list().length, 0);
    const image = await storeImage(below.store, [base], 'localhost/late:1');
    await world.store.images.refresh();
    assert.equal(world.store.images.list()[0]?.id, image.id);
  } finally {
    await world.close();
    await below.close();
  }
});

test('with imagestore, images and their layers lie there and containers in the root', async () => {
  const directory = await openWorld();
  const imageStore = join(directory.directory, 'images');
  const world = await openWorld({ imageStore });
  try {
    const image = await storeImage(world.store, [base, top], 'localhost/split:1');
    assert.equal(layerDirs(imageStore).length, 2);
    assert.deepEqual(layerDirs(world.graphRoot), []);
    assert.ok(existsSync(join(imageStore, 'overlay-images/images.json')));
    const containerId = newId();
    const target = join(world.directory, 'split');
    await world.store.containers.create({ containerId, imageId: image.id, names: ['s'], metadata: {} });
    await world.store.containers.mount(containerId, target);
    assert.deepEqual(readdirSync(target).sort(), ['base', 'top']);
    writeFileSync(join(target, 'new'), '');
    assert.equal(layerDirs(world.graphRoot).length, 1);
    assert.deepEqual((await inspect(world.store.state, check)).findings, []);
    await assert.rejects(world.store.images.remove(image.id), /in use/);
    await world.store.containers.unmount(target);
    await world.store.containers.remove(containerId);
    const again = await openStore({ ...world, imageStore, logger: silentLogger });
    assert.equal(again.images.list().length, 1);
    await again.close();
    await world.store.images.remove(image.id);
    assert.deepEqual([...layerDirs(imageStore), ...layerDirs(world.graphRoot)], []);
    assert.ok((await world.store.images.usage()).mountpoint === imageStore);
  } finally {
    await world.close();
    await directory.close();
  }
});

test('with imagestore, a layer can be read, and files without a record that a crash left there make room', async () => {
  const directory = await openWorld();
  const imageStore = join(directory.directory, 'images');
  const world = await openWorld({ imageStore });
  try {
    const image = await storeImage(world.store, [base], 'localhost/split:1');
    const layerId = image.topLayerId ?? '';
    const pieces: Uint8Array[] = [];
    for await (const piece of world.store.layers.readLayer(layerId)) pieces.push(piece);
    assert.ok(Buffer.concat(pieces).equals(base.tar));
    await world.store.images.remove(image.id);
    mkdirSync(join(imageStore, 'overlay', layerId, 'diff'), { recursive: true });
    writeFileSync(join(imageStore, 'overlay', layerId, 'diff/left'), '');
    const again = await storeImage(world.store, [base], 'localhost/split:2');
    assert.deepEqual(await runs(world, again.id), ['base']);
  } finally {
    await world.close();
    await directory.close();
  }
});

test('images that lie in the lower layer of an overlay, as on a live system, can be removed and pulled again', async () => {
  const below = await openWorld();
  const image = await storeImage(below.store, [base, top], 'localhost/live:1');
  await below.store.close();
  const merged = join(below.directory, 'merged');
  const parts = `lowerdir=${below.graphRoot},upperdir=${merged}-upper,workdir=${merged}-work,redirect_dir=off`;
  below.shell(
    `cd ${below.directory}; mkdir merged merged-upper merged-work; mount -t overlay live -o ${parts} ${merged}`,
  );
  const world = await openWorld({ imageStore: merged });
  try {
    assert.deepEqual(
      world.store.images.list().map(({ id }) => id),
      [image.id],
    );
    await world.store.images.remove(image.id);
    assert.deepEqual(layerDirs(merged), []);
    assert.ok(!existsSync(join(merged, 'overlay/tempdirs')));
    const again = await storeImage(world.store, [base, top], 'localhost/live:1');
    assert.deepEqual(await runs(world, again.id), ['base', 'top']);
  } finally {
    await world.close();
    below.shell(`umount ${merged}`);
    await below.close();
  }
});

test('with transient_store a container is gone after a reboot, with its files', async () => {
  const world = await openWorld({ transient: true });
  try {
    const image = await storeImage(world.store, [base], 'localhost/t:1');
    const containerId = newId();
    await world.store.containers.create({ containerId, imageId: image.id, names: ['t'], metadata: {} });
    assert.deepEqual(await runs(world, image.id), ['base']);
    assert.ok(!existsSync(join(world.graphRoot, 'overlay-containers/containers.json')));
    assert.match(
      readFileSync(join(world.runRoot, 'overlay-containers/volatile-containers.json'), 'utf8'),
      new RegExp(containerId),
    );
    await assert.rejects(world.store.images.remove(image.id), /in use/);
    rmSync(world.runRoot, { recursive: true });
    mkdirSync(world.runRoot);
    const next = await openStore({ ...world, transient: true, logger: silentLogger });
    assert.deepEqual(await next.containers.listOwn(), []);
    await next.images.remove(image.id);
    await next.close();
  } finally {
    await world.close();
  }
});

test('mount options of the configuration are those of the containers', async () => {
  const { options, unused } = parseMountOptions('nodev,nosuid,metacopy=on,fancy');
  assert.deepEqual(
    unused.map(([word]) => word),
    ['metacopy=on', 'fancy'],
  );
  const world = await openWorld({ mountOptions: options });
  try {
    const image = await storeImage(world.store, [base], 'localhost/m:1');
    const containerId = newId();
    const target = join(world.directory, 'options');
    await world.store.containers.create({ containerId, imageId: image.id, names: ['m'], metadata: {} });
    await world.store.containers.mount(containerId, target);
    assert.match(world.shell(`grep ' ${target} ' /proc/self/mountinfo`), /nosuid,nodev/);
    await world.store.containers.unmount(target);
    await world.store.containers.remove(containerId);
  } finally {
    await world.close();
  }
});

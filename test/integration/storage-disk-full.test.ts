// The disk is full at any step of a pull, of a container's creation or of a removal: the error says where and how much, the
// store is whole, what was begun is gone, and with space again everything works.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import { silentLogger } from '../../internal/log/logger.ts';
import { inspect } from '../../internal/storage/check/inspect.ts';
import { openStore } from '../../internal/storage/open-store.ts';
import { tarArchive } from '../fixtures/tar-builder.ts';
import { sweep } from '../harness/long-tests.ts';
import { hasLoopDevices, LoopDisk } from '../harness/loop-disk.ts';
import { patienceMs } from '../harness/until.ts';
import { imagesOf } from './image-world.ts';
import { openWorld, storeImage, testLayer, type World, writeLayout } from './storage-world.ts';

const layers = ['a', 'b'].map((prefix) =>
  testLayer(
    tarArchive(
      Array.from({ length: 40 }, (_, at) => ({ name: `${prefix}${at}`, content: randomBytes(20_000) })),
    ),
  ),
);
const small = testLayer(tarArchive([{ name: 'small', content: Buffer.from('small') }]));
const kib = 1024;
/** From nothing to more than the image takes. */
const pullSweep = [
  0, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512, 768, 900, 1000, 1024, 1048, 1100, 1400, 1700, 1760,
  1800, 1900, 2000, 2500,
];
const createSweep = [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 56, 64];
const check = { contents: true, unreferencedAgeMs: 1e9, signal: new AbortController().signal };

describe('a full disk', { skip: hasLoopDevices() ? false : 'needs loop devices' }, () => {
  let disk: LoopDisk;
  let world: World;
  before(async () => {
    disk = LoopDisk.make(32 << 20);
    world = await openWorld({ graphRoot: join(disk.path, 'graph') });
  });
  after(async () => {
    await world.close();
    disk.destroy();
  });

  const inGraph = (...parts: string[]): string => join(world.graphRoot, ...parts);

  async function assertWhole(): Promise<void> {
    await world.store.images.refresh();
    assert.deepEqual((await inspect(world.store.state, check)).findings, []);
    assert.ok(!existsSync(inGraph('overlay/tempdirs')));
    for (const list of ['layers', 'images', 'containers'])
      assert.deepEqual(
        readdirSync(inGraph(`overlay-${list}`)).filter((name) => name.startsWith('.tmp')),
        [],
      );
    const directories = readdirSync(inGraph('overlay')).filter((name) => name.length === 64);
    assert.deepEqual(
      directories.sort(),
      world.store.state.layers
        .all()
        .map(({ id }) => id)
        .sort(),
    );
    assert.equal(readdirSync(inGraph('overlay/l')).length, directories.length);
  }

  async function reopen(): Promise<void> {
    const { graphRoot, runRoot } = world;
    await (await openStore({ graphRoot, runRoot, logger: silentLogger })).close();
  }

  /** True when it worked; a failure has to be the right one. */
  async function works(step: () => Promise<unknown>): Promise<boolean> {
    try {
      await step();
      return true;
    } catch (error) {
      assert.ok(error instanceof DaemonError, String(error));
      assert.equal(error.kind, 'resource-exhausted', error.message);
      assert.match(
        error.message,
        /the file system of "[^"]+" has \d+ bytes( and \d+ inodes)? free; free space there/,
      );
      assert.ok(error.message.includes(disk.path), error.message);
      return false;
    }
  }

  test('in any phase of a pull', async () => {
    const seen: boolean[] = [];
    await storeImage(world.store, [small], 'localhost/small:1');
    const layout = join(world.directory, 'layout');
    writeLayout(layout, layers);
    const images = imagesOf(world);
    const empty = disk.freeBytes;
    for (const free of sweep(pullSweep, 3)) {
      disk.leaveFree(free * kib);
      const done = await works(() =>
        images.load(layout, ['localhost/full:1'], AbortSignal.timeout(patienceMs)),
      );
      seen.push(done);
      disk.leaveFree(undefined);
      const image = world.store.images.list().find(({ names }) => names.includes('localhost/full:1'));
      assert.equal(image !== undefined, done, `${free} KiB free`);
      await assertWhole();
      if (image !== undefined) await world.store.images.remove(image.id);
      await assertWhole();
      disk.leaveFree(undefined);
      assert.ok(
        empty - disk.freeBytes < 64 * kib,
        `${empty - disk.freeBytes} bytes are lost with ${free} KiB free`,
      );
    }
    assert.ok(
      seen.includes(true) && seen.includes(false),
      'the sweep does not reach from failure to success',
    );
    await images.load(layout, ['localhost/full:1'], AbortSignal.timeout(patienceMs));
    await assertWhole();
    assert.match(world.podman('images'), /localhost\/full/);
  });

  test('in any phase of a container’s creation', async () => {
    const image = world.store.images.list().find(({ names }) => names.includes('localhost/full:1'));
    const seen: boolean[] = [];
    for (const free of sweep(createSweep, 3)) {
      const containerId = randomBytes(32).toString('hex');
      const request = {
        containerId,
        imageId: image?.id ?? '',
        names: [containerId],
        metadata: { long: 'x'.repeat(3000) },
      };
      disk.leaveFree(free * kib);
      const done = await works(() => world.store.containers.create(request));
      seen.push(done);
      assert.equal(world.store.containers.rootPath(containerId) !== undefined, done);
      disk.leaveFree(undefined);
      await assertWhole();
      await world.store.containers.remove(containerId);
      assert.ok(!existsSync(inGraph('overlay-containers', containerId)));
      await assertWhole();
    }
    assert.ok(
      seen.includes(true) && seen.includes(false),
      `the sweep does not reach from failure to success: ${seen}`,
    );
  });

  test('an image and a container can be removed when nothing is free at all', async () => {
    const image = world.store.images.list().find(({ names }) => names.includes('localhost/full:1'));
    const containerId = randomBytes(32).toString('hex');
    const request = { containerId, imageId: image?.id ?? '', names: ['c'], metadata: {} };
    await world.store.containers.create(request);
    await reopen(); // as each hour, it takes its reserve again
    disk.leaveFree(0);
    await world.store.containers.remove(containerId);
    await world.store.images.remove(image?.id ?? '');
    assert.ok(disk.freeBytes > 1 << 20);
    disk.leaveFree(undefined);
    await assertWhole();
  });

  test('a container can be removed when no inode is free, and no image stored', async () => {
    const image = await storeImage(world.store, [small], 'localhost/inodes:1');
    const ids = ['c', 'd'].map(() => randomBytes(32).toString('hex'));
    for (const containerId of ids)
      await world.store.containers.create({
        containerId,
        imageId: image.id,
        names: [containerId],
        metadata: {},
      });
    await reopen();
    disk.takeInodes();
    for (const containerId of ids) {
      await world.store.containers.remove(containerId);
      disk.takeInodes(); // what has filled the disk takes what was freed
    }
    const other = testLayer(tarArchive([{ name: 'other', content: Buffer.from('other') }]));
    assert.equal(await works(() => storeImage(world.store, [other], 'localhost/other:1')), false);
    disk.leaveFree(undefined);
    await assertWhole();
  });
});

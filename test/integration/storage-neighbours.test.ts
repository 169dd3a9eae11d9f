// A store that other tools use at the same time: what they hold, nobody waits for who need not; what they must not delete,
// they do not.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '../../internal/log/logger.ts';
import { openStore } from '../../internal/storage/open-store.ts';
import type { StoredImage } from '../../internal/storage/store.ts';
import { tarArchive } from '../fixtures/tar-builder.ts';
import { until } from '../harness/until.ts';
import { holdLocks, openWorld, storeImage, testLayer, type World } from './storage-world.ts';

let world: World;
let image: StoredImage;
before(async () => {
  world = await openWorld();
  const layer = testLayer(tarArchive([{ name: 'x', content: Buffer.from('x') }]));
  image = await storeImage(world.store, [layer], 'localhost/base:1');
});
after(() => world.close());

const newId = (): string => randomBytes(32).toString('hex');

/** Without the records that keep containers' images. */
function recordsOf(noun: string): { id: string; layer?: string }[] {
  const path = join(world.graphRoot, `overlay-${noun}/${noun}.json`);
  const records = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : [];
  return records.filter((record: { flags?: object }) => !('cria-guard-of' in (record.flags ?? {})));
}

const isOnlyRecord = (containerId: string): boolean =>
  recordsOf('containers')
    .map(({ id }) => id)
    .join() === containerId;

test('while an old tool unpacks under its locks, lists are told and containers start and go', async () => {
  const { containers, images } = world.store;
  const leaving = newId();
  await containers.create({ containerId: leaving, imageId: image.id, names: ['leaving'], metadata: {} });
  const release = await holdLocks(world.graphRoot, 'layers', 'containers');
  const [staying, passing] = [newId(), newId()];
  const target = join(world.directory, 'mounted');
  try {
    await images.refresh();
    assert.equal(images.list().length, 1);
    for (const containerId of [staying, passing]) {
      await containers.create({ containerId, imageId: image.id, names: [containerId], metadata: {} });
    }
    await containers.mount(staying, target);
    assert.equal(readFileSync(join(target, 'x'), 'utf8'), 'x');
    await containers.remove(passing);
    await containers.remove(leaving);
    assert.ok((await containers.listOwn()).includes(staying));
    assert.deepEqual(
      recordsOf('containers').map(({ id }) => id),
      [leaving],
    );
  } finally {
    await release();
  }
  await until('the container is entered', () => isOnlyRecord(staying));
  await until('the other layer is gone', () => recordsOf('layers').length === 2);
  await containers.unmount(target);
  await containers.remove(staying);
  assert.deepEqual(recordsOf('containers'), []);
  const directories = readdirSync(join(world.graphRoot, 'overlay')).filter((name) => name.length === 64);
  assert.deepEqual(directories, [image.topLayerId]);
});

test('an image with a container that is not entered yet is not removed', async () => {
  const { containers, images } = world.store;
  const containerId = newId();
  const release = await holdLocks(world.graphRoot, 'layers', 'containers');
  try {
    await containers.create({ containerId, imageId: image.id, names: ['early'], metadata: {} });
    const removing = assert.rejects(images.remove(image.id), /in use by container/);
    await release();
    await removing;
  } finally {
    await release();
  }
  await containers.remove(containerId);
});

test('a daemon that dies before its containers are entered, or removed, leaves that to the next', async () => {
  const [entered, removed] = [newId(), newId()];
  const first = await world.openAnother();
  await first.containers.create({ containerId: removed, imageId: image.id, names: ['r'], metadata: {} });
  const release = await holdLocks(world.graphRoot, 'layers', 'containers');
  await first.containers.create({ containerId: entered, imageId: image.id, names: ['e'], metadata: {} });
  await first.containers.remove(removed);
  await first.close();
  await release();
  const next = await world.openAnother();
  await until('the container is entered', () => isOnlyRecord(entered));
  assert.deepEqual(await next.containers.listOwn(), [entered]);
  await next.containers.remove(entered);
  await next.close();
  assert.equal(recordsOf('layers').length, 1);
});

test('a container that could not be entered is entered when it can be, without another one', async () => {
  const { graphRoot, runRoot } = world;
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_: object, text: string) => warnings.push(text) };
  const store = await openStore({ graphRoot, runRoot, isDaemon: false, logger });
  const [containerId, list] = [newId(), join(graphRoot, 'overlay-layers/layers.json')];
  const release = await holdLocks(graphRoot, 'layers', 'containers');
  await store.containers.create({ containerId, imageId: image.id, names: ['late'], metadata: {} });
  const whole = readFileSync(list);
  writeFileSync(list, '[{'); // as a tool leaves it that dies while it writes
  await release();
  await until('it is told', () => warnings.some((text) => text.startsWith('could not enter')));
  writeFileSync(list, whole);
  await until('it is entered', () => recordsOf('containers').some(({ id }) => id === containerId));
  assert.deepEqual(await store.containers.listOwn(), [containerId]);
  await store.containers.remove(containerId);
  await store.close();
  assert.equal(recordsOf('layers').length, 1);
});

test('what another tool writes is seen by a refresh, whatever locks are held', async () => {
  const layer = testLayer(world.tarOf('echo other > other'));
  const other = await world.openAnother();
  const stored = await storeImage(other, [layer], 'localhost/other:1');
  const release = await holdLocks(world.graphRoot, 'layers', 'images', 'containers');
  try {
    await world.store.images.refresh();
    assert.equal(world.store.images.get(stored.id)?.names[0], 'localhost/other:1');
  } finally {
    await release();
  }
  await other.images.remove(stored.id);
  await other.close();
});

test('podman removes no layer and no image under our containers, and only what nobody uses', async () => {
  const containerId = newId();
  const unused = await storeImage(
    world.store,
    [testLayer(world.tarOf('echo free > free'))],
    'localhost/free:1',
  );
  await world.store.containers.create({ containerId, imageId: image.id, names: ['kept'], metadata: {} });
  const target = join(world.directory, 'kept');
  await world.store.containers.mount(containerId, target);
  const layers = recordsOf('layers').length;
  for (const args of [
    ['rmi', image.id],
    ['rmi', '--all'],
    ['image', 'prune', '--all', '--force'],
    ['system', 'prune', '--all', '--force'],
  ]) {
    try {
      world.podman(...args);
    } catch (error) {
      assert.match(String(error), /in use by|is using|image used by/i);
    }
    assert.ok(
      recordsOf('images').some(({ id }) => id === image.id),
      args.join(' '),
    );
    assert.equal(recordsOf('containers').length, 1, args.join(' '));
    assert.equal(readFileSync(join(target, 'x'), 'utf8'), 'x');
  }
  assert.equal(recordsOf('layers').length, layers - 1);
  await world.store.images.refresh();
  assert.equal(world.store.images.get(unused.id), undefined);
  writeFileSync(join(target, 'written'), 'still');
  await world.store.containers.unmount(target);
  await world.store.containers.remove(containerId);
});

test('podman that forces the removal of an image leaves its layers to a running container', async () => {
  const containerId = newId();
  const layer = testLayer(world.tarOf('echo low > low'));
  const forced = await storeImage(world.store, [layer], 'localhost/forced:1');
  const { containers, images, layers } = world.store;
  await containers.create({ containerId, imageId: forced.id, names: ['forced'], metadata: {} });
  const target = join(world.directory, 'forced');
  await containers.mount(containerId, target);
  writeFileSync(join(target, 'written'), 'still');
  world.podman('rmi', '--force', forced.id);
  await images.refresh();
  assert.equal(images.get(forced.id), undefined);
  assert.equal(readFileSync(join(target, 'low'), 'utf8'), 'low\n');
  assert.equal(readFileSync(join(target, 'written'), 'utf8'), 'still');
  assert.ok(layers.findLayer(undefined, layer.diffId) !== undefined, 'a pull finds the layers still there');
  assert.deepEqual(await containers.listOwn(), [containerId]);
  assert.match(world.podman('ps', '--all', '--external'), /forced/);
  await containers.unmount(target);
  await containers.mount(containerId, target);
  await containers.unmount(target);
  await containers.remove(containerId);
  assert.deepEqual(recordsOf('containers'), []);
  assert.equal(readFileSync(join(world.graphRoot, 'overlay-containers/containers.json'), 'utf8'), '[]');
});

test('who waits for a lock does not give up because the clock of the machine is set', async (t) => {
  const release = await holdLocks(world.graphRoot, 'images');
  try {
    const start = Date.now();
    let hours = 0;
    t.mock.method(Date, 'now', () => start + 3_600_000 * hours++);
    const naming = world.store.images.addNames(image.id, ['localhost/named-late:1']);
    await Promise.race([naming, sleep(100)]); // some looks at the lock
    await release();
    await naming;
  } finally {
    await release();
  }
  assert.ok(world.store.images.get(image.id)?.names.includes('localhost/named-late:1'));
});

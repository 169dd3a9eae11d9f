// After a power loss the layers that other tools stored last are checked. Whatever ends the check, it is finished by a later
// start, and what it has found is not forgotten.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { silentLogger } from '../../internal/log/logger.ts';
import { openStore, type Store } from '../../internal/storage/open-store.ts';
import { tarArchive } from '../fixtures/tar-builder.ts';
import { until } from '../harness/until.ts';
import {
  openWorld,
  storeImage,
  type TestLayer,
  testLayer,
  type World,
  writeLayout,
} from './storage-world.ts';

let world: World;
let damaged: TestLayer;
let goodId: string;
let damagedId: string;
let file: string;
const text = 'what was stored';

beforeEach(async () => {
  world = await openWorld();
  damaged = testLayer(tarArchive([{ name: 'file', content: Buffer.from(text) }]));
  const good = testLayer(tarArchive([{ name: 'other', content: Buffer.from('other') }]));
  goodId = stored(good, 'good');
  damagedId = stored(damaged, 'damaged');
  file = join(world.graphRoot, 'overlay', damaged.diffId.slice(7), 'diff/file');
  damage();
});
afterEach(() => world.close());

const list = (): string => join(world.graphRoot, 'cria-suspect-layers.json');

/** An image that another tool stores. */
function stored(layer: TestLayer, name: string): string {
  const layout = join(world.directory, `layout-${name}`);
  const id = writeLayout(layout, [layer]);
  world.skopeo('copy', `oci:${layout}`, world.storageName(`localhost/${name}:1`));
  return id;
}

function damage(): void {
  writeFileSync(file, Buffer.alloc(text.length));
}

async function opened<T>(lostPower: boolean, look: (store: Store) => Promise<T>): Promise<T> {
  const { graphRoot, runRoot } = world;
  const store = await openStore({ graphRoot, runRoot, lostPower, logger: silentLogger });
  try {
    return await look(store);
  } finally {
    await store.close();
  }
}

const ids = (store: Store): string[] => store.images.list().map(({ id }) => id);

/** Waits for what the check in the background is to come to. */
async function comesTo(store: Store, expected: readonly string[]): Promise<void> {
  await until(
    'the images that are expected',
    () => String(ids(store).sort()) === String([...expected].sort()),
  );
}

async function cut(): Promise<void> {
  await opened(true, async () => {});
}

async function checked(): Promise<void> {
  await opened(true, (store) => comesTo(store, [goodId]));
}

test('a check that a stop has cut is finished by the next start, which no mark tells of the power loss', async () => {
  await cut();
  await cut();
  await opened(false, (store) => comesTo(store, [goodId]));
});

test('what a check has put aside is so from the first moment of later starts, until it is pulled again', async () => {
  await checked();
  for (const _ of [1, 2]) await opened(false, async (store) => assert.deepEqual(ids(store), [goodId]));
  await opened(false, async (store) => {
    await storeImage(store, [damaged], 'localhost/damaged:1');
    assert.deepEqual(ids(store).sort(), [goodId, damagedId].sort());
  });
  assert.equal(readFileSync(file, 'utf8'), text);
  await opened(false, async (store) => {
    assert.deepEqual(ids(store).sort(), [goodId, damagedId].sort());
    await until('the list of suspects is gone, which has none', () => !existsSync(list()));
  });
  assert.ok(!existsSync(list()));
});

test('what another tool removed and stored again, and what is good again, is listed', async () => {
  await checked();
  world.podman('rmi', '--force', damagedId);
  stored(damaged, 'damaged');
  await opened(false, async (store) => assert.deepEqual(ids(store).sort(), [goodId, damagedId].sort()));
  damage();
  await checked();
  writeFileSync(file, text);
  await opened(false, (store) => comesTo(store, [goodId, damagedId]));
  await opened(false, async (store) => assert.deepEqual(ids(store).sort(), [goodId, damagedId].sort()));
});

test('a start without a power loss before it checks nothing', async () => {
  await opened(false, async () => {});
  assert.ok(!existsSync(list()));
});

test('when the list is torn the layers that were stored last are checked, and one of another version stays', async () => {
  await checked();
  writeFileSync(list(), '{');
  await opened(false, (store) => comesTo(store, [goodId]));
  const newer = '{"version":99}';
  writeFileSync(list(), newer);
  await opened(false, (store) => comesTo(store, [goodId]));
  assert.equal(readFileSync(list(), 'utf8'), newer);
});

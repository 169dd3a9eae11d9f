// Chains of layers that are committed together, whoever else has some of them.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Store } from '../../internal/storage/open-store.ts';
import type { StagedLayer } from '../../internal/storage/store.ts';
import { tarArchive } from '../fixtures/tar-builder.ts';
import { patienceMs } from '../harness/until.ts';
import { commit, limits, sourceOf, type TestLayer, testLayer, useStorageWorld } from './storage-world.ts';

const world = useStorageWorld();

const signal = (): AbortSignal => AbortSignal.timeout(patienceMs);

const chainOf = (name: string): TestLayer[] =>
  ['base', 'middle', 'top'].map((place) =>
    testLayer(tarArchive([{ name: `${name}-${place}`, content: Buffer.from(place) }])),
  );

const staged = (store: Store, chain: readonly TestLayer[]): Promise<StagedLayer[]> =>
  Promise.all(chain.map((layer) => store.layers.stageLayer(sourceOf(layer), limits, signal())));

/** Of each layer, what its `lower` names, which must be the link files of the layers below it, nearest first. */
function assertLinked(layerIds: readonly string[]): void {
  const read = (id: string, file: string): string =>
    readFileSync(join(world.graphRoot, 'overlay', id, file), 'utf8');
  layerIds.forEach((id, index) => {
    const below = layerIds.slice(0, index).reverse();
    const lower = below.map((each) => `l/${read(each, 'link')}`).join(':');
    assert.equal(index === 0 ? '' : read(id, 'lower'), lower);
    const link = join(world.graphRoot, 'overlay/l', read(id, 'link'));
    assert.equal(readlinkSync(link), `../${id}/diff`);
  });
}

test('a chain of which the store has some layers stands on those', async () => {
  const chain = chainOf('some');
  const [first, ...others] = await staged(world.store, chain);
  assert.ok(first);
  const base = await commit(world.store, first, undefined);
  const [again] = await staged(world.store, chain.slice(0, 1));
  assert.ok(again);
  const stored = await world.store.layers.commitLayers([again, ...others], undefined);
  assert.equal(stored[0]?.id, base.id);
  assert.deepEqual(
    stored.map(({ diffId, parentId }) => [diffId, parentId]),
    chain.map(({ diffId }, index) => [diffId, stored[index - 1]?.id]),
  );
  assertLinked(stored.map(({ id }) => id));
  await assert.rejects(world.store.layers.commitLayers([again], undefined), /was committed or discarded/);
});

test('processes that commit the same chain at once end with one', async () => {
  const other = await world.openAnother();
  try {
    for (let round = 0; round < 5; round += 1) {
      const chain = chainOf(`race-${round}`);
      const both = [world.store, other, world.store, other];
      const ready = await Promise.all(both.map((store) => staged(store, chain)));
      const stored = await Promise.all(
        both.map((store, index) => store.layers.commitLayers(ready[index] ?? [], undefined)),
      );
      const ids = stored.map((layers) => layers.map(({ id }) => id));
      for (const each of ids) assert.deepEqual(each, ids[0]);
      assertLinked(ids[0] ?? []);
    }
    assert.equal(existsSync(join(world.graphRoot, 'overlay/tempdirs')), false, 'staging is left');
  } finally {
    await other.close();
  }
});

test('a chain on a parent that is gone leaves nothing', async () => {
  const before = readdirSync(join(world.graphRoot, 'overlay')).sort();
  const ready = await staged(world.store, chainOf('lost'));
  await assert.rejects(
    world.store.layers.commitLayers(ready, 'ab'.repeat(32)),
    /parent layer .* pull the image/,
  );
  assert.deepEqual(readdirSync(join(world.graphRoot, 'overlay')).sort(), before);
});

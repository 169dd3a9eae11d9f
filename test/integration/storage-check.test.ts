// Damage of every kind that a power loss or a careless hand leaves: it is found, only what is useless goes, and what was
// good stays good.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Finding } from '../../internal/storage/check/finding.ts';
import { inspect } from '../../internal/storage/check/inspect.ts';
import { repair } from '../../internal/storage/check/repair.ts';
import type { Store } from '../../internal/storage/open-store.ts';
import type { StoredImage } from '../../internal/storage/store.ts';
import { tarArchive } from '../fixtures/tar-builder.ts';
import { openWorld, storeImage, storeLayer, type TestLayer, testLayer, type World } from './storage-world.ts';

let world: World;
let shared: TestLayer;
let good: StoredImage;
let bad: StoredImage;
let badTop: string;

beforeEach(async () => {
  world = await openWorld();
  shared = testLayer(tarArchive([{ name: 'base', content: Buffer.alloc(5000, 'b') }]));
  const top = testLayer(tarArchive([{ name: 'top', content: Buffer.alloc(5000, 't') }]));
  const other = testLayer(tarArchive([{ name: 'other', content: Buffer.from('o') }]));
  good = await storeImage(world.store, [shared, other], 'localhost/good:1');
  bad = await storeImage(world.store, [shared, top], 'localhost/bad:1');
  badTop = bad.topLayerId ?? '';
});
afterEach(() => world.close());

const inGraph = (...parts: string[]): string => join(world.graphRoot, ...parts);
const signal = new AbortController().signal;
const day = 24 * 3_600_000;

async function findings(contents: boolean): Promise<readonly Finding[]> {
  await world.store.images.refresh();
  return (await inspect(world.store.state, { contents, unreferencedAgeMs: day, signal })).findings;
}

async function reopened<T>(look: (store: Store) => Promise<T>): Promise<T> {
  const store = await world.openAnother();
  try {
    return await look(store);
  } finally {
    await store.close();
  }
}

/** Repairs, and looks whether everything is good afterwards; the good image always is. */
async function repaired(force = false): Promise<string[]> {
  const { removed } = await repair(world.store.state, await findings(true), force);
  await world.store.images.refresh();
  assert.ok(world.store.images.get(good.id) !== undefined, 'the good image is gone');
  assert.deepEqual(await findings(true), []);
  const mounted = world.podman('image', 'mount', good.id).trim();
  assert.equal(readFileSync(join(mounted, 'other'), 'utf8'), 'o');
  world.podman('image', 'umount', good.id);
  return removed.map(({ object, id }) => `${object} ${id}`);
}

test('a good store has no faults, also with a container and layers of podman in it', async () => {
  const containerId = randomBytes(32).toString('hex');
  await world.store.containers.create({ containerId, imageId: good.id, names: ['c'], metadata: {} });
  const oci = join(world.directory, 'oci');
  const tree = testLayer(
    world.tarOf('mkdir d; ln -s x l; echo 1 > d/f; ln d/f h; mkfifo p; chmod 4711 d/f', '--format=pax'),
  );
  await storeImage(world.store, [tree], 'localhost/tree:1');
  world.skopeo('copy', world.storageName('localhost/tree:1'), `oci:${oci}:x`);
  world.podman('rmi', 'localhost/tree:1');
  world.skopeo('copy', `oci:${oci}:x`, world.storageName('localhost/theirs:1'));
  assert.deepEqual(await findings(true), []);
});

const useless: readonly (readonly [
  what: string,
  damage: (top: string) => void,
  reason: RegExp,
  full: boolean,
])[] = [
  [
    'its files are gone',
    (top) => rmSync(inGraph('overlay', top, 'diff'), { recursive: true }),
    /lost its files/,
    false,
  ],
  [
    'its tar-split is gone',
    (top) => unlinkSync(inGraph('overlay-layers', `${top}.tar-split.gz`)),
    /lost its tar-split/,
    false,
  ],
  [
    'its tar-split is empty',
    (top) => truncateSync(inGraph('overlay-layers', `${top}.tar-split.gz`)),
    /empty tar-split/,
    false,
  ],
  [
    'a file is empty',
    (top) => truncateSync(inGraph('overlay', top, 'diff/top')),
    /file "top", which has 0 bytes/,
    true,
  ],
  [
    'a file is gone',
    (top) => unlinkSync(inGraph('overlay', top, 'diff/top')),
    /file "top", which cannot be read/,
    true,
  ],
  [
    'a file has other bytes',
    (top) => writeFileSync(inGraph('overlay', top, 'diff/top'), Buffer.alloc(5000, 'x')),
    /file "top", which has other content/,
    true,
  ],
  [
    'its tar-split is torn',
    (top) => truncateSync(inGraph('overlay-layers', `${top}.tar-split.gz`), 60),
    /cannot be made into its tar again/,
    true,
  ],
];

for (const [what, damage, reason, full] of useless) {
  test(`a layer of which ${what} is told, put aside at the start or found by the full check, and removed alone`, async () => {
    damage(badTop);
    const found = (await findings(full)).filter(({ object }) => object === 'layer');
    assert.deepEqual(
      found.map(({ id, cure }) => [id, cure]),
      [[badTop, 'remove']],
    );
    assert.match(found[0]?.reason ?? '', reason);
    if (!full) {
      await reopened(async (store) => {
        assert.deepEqual(
          store.images.list().map(({ id }) => id),
          [good.id],
        );
        assert.ok(existsSync(inGraph('overlay', badTop)), 'nothing is deleted at the start');
        // Pulled again, it is whole.
        const layers = [shared, testLayer(tarArchive([{ name: 'top', content: Buffer.alloc(5000, 't') }]))];
        const again = await storeImage(store, layers, 'localhost/bad:1');
        assert.equal(again.id, bad.id);
        assert.equal(store.images.list().length, 2);
      });
      assert.deepEqual(await findings(true), []);
      damage(badTop);
    }
    assert.deepEqual(await repaired(), [`image ${bad.id}`, `layer ${badTop}`]);
    assert.ok(!existsSync(inGraph('overlay', badTop)));
  });
}

test('lost links and lower lists are mended at the start', async () => {
  const [name] = readdirSync(inGraph('overlay/l'));
  unlinkSync(inGraph('overlay/l', name ?? ''));
  truncateSync(inGraph('overlay', badTop, 'lower'));
  truncateSync(inGraph('overlay', shared.diffId.slice(7), 'link'));
  assert.ok((await findings(false)).every(({ cure }) => cure === 'mend'));
  await reopened(async (store) => {
    assert.equal(store.images.list().length, 2);
  });
  assert.deepEqual(await findings(true), []);
  const mounted = world.podman('image', 'mount', bad.id).trim();
  assert.deepEqual(readdirSync(mounted).sort(), ['base', 'top']);
  world.podman('image', 'umount', bad.id);
});

test('an image whose documents are lost or torn is not listed, and its pull makes it whole', async () => {
  const config = inGraph('overlay-images', bad.id, `=${Buffer.from(`sha256:${bad.id}`).toString('base64')}`);
  const layers = [shared, testLayer(tarArchive([{ name: 'top', content: Buffer.alloc(5000, 't') }]))];
  const text = readFileSync(config);
  for (const damage of [
    () => unlinkSync(config),
    () => truncateSync(config, 5),
    () => writeFileSync(config, Buffer.from(text).fill('x', 0, 3)),
  ]) {
    damage();
    assert.match((await findings(false))[0]?.reason ?? '', /document "sha256:/);
    await reopened(async (store) => {
      assert.deepEqual(
        store.images.list().map(({ id }) => id),
        [good.id],
      );
      await storeImage(store, layers, 'localhost/bad:1');
      assert.equal(store.images.list().length, 2);
    });
    assert.deepEqual(await findings(true), []);
  }
  unlinkSync(config);
  assert.deepEqual(await repaired(), [`image ${bad.id}`]);
});

test('a broken base takes what stands on it, and no other image', async () => {
  const alone = await storeImage(
    world.store,
    [testLayer(tarArchive([{ name: 'alone' }]))],
    'localhost/alone:1',
  );
  rmSync(inGraph('overlay', shared.diffId.slice(7), 'diff'), { recursive: true });
  const { removed } = await repair(world.store.state, await findings(false), false);
  assert.equal(removed.length, 5);
  await world.store.images.refresh();
  assert.deepEqual(
    world.store.images.list().map(({ id }) => id),
    [alone.id],
  );
  assert.deepEqual(await findings(true), []);
});

test('what a container uses stays unless forced', async () => {
  const containerId = randomBytes(32).toString('hex');
  await world.store.containers.create({ containerId, imageId: bad.id, names: ['c'], metadata: {} });
  const target = join(world.directory, 'running');
  await world.store.containers.mount(containerId, target);
  truncateSync(inGraph('overlay', badTop, 'diff/top'));
  const first = await repair(world.store.state, await findings(true), false);
  assert.deepEqual(first.removed, []);
  assert.match(first.kept.join('\n'), new RegExp(`container "${containerId}" runs and is damaged`));
  assert.equal((await findings(true)).length > 0, true);
  const removed = await repaired(true);
  assert.ok(removed.includes(`container ${containerId}`) && removed.includes(`image ${bad.id}`));
  await world.store.containers.unmount(target);
});

test('changed modes and owners are told, and nothing is removed for them', async () => {
  world.shell(
    `chmod 777 ${inGraph('overlay', badTop, 'diff/top')}; chown 5:6 ${inGraph('overlay', badTop, 'diff/top')}`,
  );
  const found = await findings(true);
  assert.deepEqual(
    found.map(({ id, cure }) => [id, cure]),
    [[badTop, 'none']],
  );
  assert.match(found[0]?.reason ?? '', /belongs to 5:6 instead of 0:0/);
  assert.deepEqual((await repair(world.store.state, found, true)).removed, []);
});

test('layers that nothing uses are told by their age', async () => {
  const layer = testLayer(tarArchive([{ name: 'unused' }]));
  const { id } = await storeLayer(world.store, layer);
  assert.deepEqual(await findings(false), []);
  const { findings: told } = await inspect(world.store.state, {
    contents: false,
    unreferencedAgeMs: -1,
    signal,
  });
  assert.deepEqual(
    told.map((found) => [found.id, found.reason]),
    [[id, 'is used by no image and no container']],
  );
});

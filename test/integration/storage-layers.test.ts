// Layers as other tools make them: compressed in every way, many on one another, from real archives.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { silentLogger } from '../../internal/log/logger.ts';
import { openStore, type Store } from '../../internal/storage/open-store.ts';
import type { StagedLayer } from '../../internal/storage/store.ts';
import { tarArchive } from '../fixtures/tar-builder.ts';
import {
  chunks,
  commit,
  limits,
  openWorld,
  sha256,
  sourceOf,
  storeImage,
  type TestLayer,
  testLayer,
  type World,
} from './storage-world.ts';

let world: World;
before(async () => {
  world = await openWorld();
});
after(() => world.close());

const signal = (): AbortSignal => AbortSignal.timeout(20_000);

test('a blob is the same layer however the network cuts it', async () => {
  const content = randomBytes(700_000);
  const layer = testLayer(tarArchive([{ name: 'file', content }]));
  const { blob } = layer;
  async function* cutAt(...sizes: readonly number[]): AsyncGenerator<Uint8Array> {
    let at = 0;
    for (const size of sizes) {
      // A buffer of its own, as a socket's chunk has, and a part of a larger one.
      yield at % 2 === 0
        ? new Uint8Array(blob.subarray(at, at + size))
        : Buffer.from(blob).subarray(at, at + size);
      at += size;
    }
    if (at < blob.length) yield new Uint8Array(blob.subarray(at));
  }
  const pieces = Array.from({ length: 40 }, (_, index) => 4_001 + index);
  for (const cuts of [[], [1], [5, 200_000], [0, 1, 150_001, 2], [131_072, 131_072], pieces]) {
    const source = { ...sourceOf(layer), blob: cutAt(...cuts) };
    const staged = await world.store.layers.stageLayer(source, limits, signal());
    assert.deepEqual([staged.diffId, staged.blobDigest], [layer.diffId, sha256(blob)], `cut at ${cuts}`);
    await world.store.layers.discardStaged(staged);
  }
});

test('plain, gzip and zstd blobs of one tar are the same layer', async () => {
  const content = Buffer.concat([randomBytes(700_000), Buffer.alloc(5 << 20, 'text ')]);
  const layer = testLayer(tarArchive([{ name: 'file', content }]));
  await storeImage(world.store, [layer], 'localhost/seed:1');
  const out = join(world.directory, 'zstd');
  world.skopeo(
    'copy',
    '--dest-compress-format',
    'zstd',
    world.storageName('localhost/seed:1'),
    `oci:${out}:x`,
  );
  const read = (digest: string): Buffer => readFileSync(join(out, 'blobs/sha256', digest.slice(7)));
  const index = JSON.parse(readFileSync(join(out, 'index.json'), 'utf8'));
  const zstd = read(JSON.parse(read(index.manifests[0].digest).toString()).layers[0].digest);
  assert.equal(zstd.readUInt32LE(0), 0xfd2fb528, 'skopeo has not made a zstd blob');
  const skippable = Buffer.from('50 2a 4d 18 04 00 00 00 01 02 03 04'.replaceAll(' ', ''), 'hex');
  for (const blob of [layer.tar, layer.blob, zstd, Buffer.concat([zstd, skippable])]) {
    const source = { ...sourceOf(layer), blob: chunks(blob, 10_000), blobDigest: sha256(blob) };
    const staged = await world.store.layers.stageLayer(
      { ...source, blobSizeBytes: blob.length },
      limits,
      signal(),
    );
    assert.deepEqual([staged.diffId, staged.diffSizeBytes], [layer.diffId, layer.tar.length]);
    await world.store.layers.discardStaged(staged);
  }
  const cut = { ...sourceOf(layer), blobDigest: undefined, blobSizeBytes: undefined };
  const truncated = { ...cut, blob: chunks(zstd.subarray(0, zstd.length - 20)) };
  await assert.rejects(world.store.layers.stageLayer(truncated, limits, signal()), /damaged: zstd/);
});

test('a blob is not held in memory while it is unpacked', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const content = Buffer.alloc(32 << 20, 'x');
  const tar = tarArchive([{ name: 'big', content }]);
  const pieces: WeakRef<Uint8Array>[] = [];
  let alive = 0;
  async function* blob(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < tar.length; at += 65_536) {
      const piece = new Uint8Array(tar.subarray(at, at + 65_536));
      pieces.push(new WeakRef(piece));
      yield piece;
    }
    await new Promise((resolve) => setImmediate(resolve)); // a WeakRef holds its target until the turn ends
    collect();
    alive = pieces.filter((piece) => piece.deref() !== undefined).length;
  }
  const source = {
    ...sourceOf(testLayer(tar)),
    blob: blob(),
    blobDigest: sha256(tar),
    blobSizeBytes: undefined,
  };
  const staged = await world.store.layers.stageLayer(source, limits, signal());
  await world.store.layers.discardStaged(staged);
  assert.ok(alive < 100, `${alive} of ${pieces.length} pieces are still held`);
});

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
  const staged = await world.store.layers.stageLayer(sourceOf(testLayer(tree)), limits, signal());
  const stored = await commit(world.store, staged, undefined);
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
  const staged = await world.store.layers.stageLayer(sourceOf(testLayer(tar)), limits, signal());
  const { id } = await commit(world.store, staged, undefined);
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
  const other = await openStore({
    graphRoot: world.graphRoot,
    runRoot: world.runRoot,
    logger: silentLogger,
  });
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

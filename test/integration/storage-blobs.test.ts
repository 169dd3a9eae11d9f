// A layer on its way from the network: cut anywhere, compressed in every way, and never whole in memory.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { tarArchive } from '../fixtures/tar-builder.ts';
import { patienceMs } from '../harness/until.ts';
import { chunks, limits, sha256, sourceOf, storeImage, testLayer, useStorageWorld } from './storage-world.ts';

const world = useStorageWorld();

const signal = (): AbortSignal => AbortSignal.timeout(patienceMs);

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

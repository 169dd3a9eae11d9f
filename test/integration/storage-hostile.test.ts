// Layers that no store may take: each is refused with a reason that a person understands, and leaves nothing.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { DaemonError } from '../../internal/errors/daemon-error.ts';
import type { LayerSource, UnpackLimits } from '../../internal/storage/store.ts';
import { type TarItem, tarArchive, tarHeader } from '../fixtures/tar-builder.ts';
import { patienceMs } from '../harness/until.ts';
import {
  chunks,
  limits,
  openWorld,
  sha256,
  sourceOf,
  storeLayer,
  testLayer,
  type World,
} from './storage-world.ts';

let world: World;
let outside: string;

before(async () => {
  world = await openWorld();
  outside = join(world.directory, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret'), 'secret');
});
after(() => world.close());

function listing(): string {
  return execFileSync('find', [world.graphRoot, '-printf', '%p %y %m %s %n\n'], { encoding: 'utf8' })
    .split('\n')
    .sort()
    .join('\n');
}

function tarSource(items: readonly TarItem[]): LayerSource {
  return sourceOf(testLayer(tarArchive(items)));
}

async function refused(
  source: LayerSource,
  reason: RegExp,
  ownLimits: Partial<UnpackLimits> = {},
): Promise<void> {
  const before = listing();
  const signal = AbortSignal.timeout(patienceMs);
  const staging = world.store.layers.stageLayer(source, { ...limits, ...ownLimits }, signal);
  await assert.rejects(staging, (error: Error) => {
    assert.match(error.message, reason);
    return true;
  });
  assert.equal(listing(), before);
}

const content = Buffer.from('evil');

test('names that climb out of the root are refused', async () => {
  await refused(tarSource([{ name: '../evil', content }]), /entry "\.\.\/evil", which leaves the root/);
  await refused(tarSource([{ name: 'a/../../evil', content }]), /leaves the root/);
  await refused(tarSource([{ name: '../../.wh.etc' }]), /leaves the root/);
  await refused(tarSource([{ name: 'x', pax: { path: '/../evil' }, content }]), /leaves the root/);
});

test('hard links to what is not in the layer are refused', async () => {
  const link = { name: 'link', type: '1' };
  await refused(tarSource([{ ...link, linkName: '../../../etc/passwd' }]), /leaves the root/);
  await refused(tarSource([{ ...link, linkName: join(outside, 'secret') }]), /not a file of this layer/);
  await refused(tarSource([{ ...link, linkName: '/etc/passwd' }]), /not a file of this layer/);
});

test('a link in a name is followed inside the layer only', async () => {
  const absolute = { name: 'way', type: '2', linkName: outside };
  await refused(tarSource([absolute, { name: 'way/evil', content }]), /cannot be unpacked: .*ENOENT/);
  assert.ok(!existsSync(join(outside, 'evil')));
  const climbing = { name: 'way', type: '2', linkName: `../../../../../../../../..${outside}` };
  await refused(tarSource([climbing, { name: 'way/evil', content }]), /ENOENT/);
  assert.ok(!existsSync(join(outside, 'evil')));
  const twice = [
    { ...absolute, linkName: join(outside, 'secret') },
    { name: './way', content },
  ];
  await refused(tarSource(twice), /entry "\.\/way" twice/);
  assert.equal(execFileSync('cat', [join(outside, 'secret')], { encoding: 'utf8' }), 'secret');
});

test('what the file system refuses is told with the entry, as the fault of the layer', async () => {
  const below = [{ name: 'file' }, { name: 'file/\x1bbelow', content }];
  const staging = world.store.layers.stageLayer(tarSource(below), limits, AbortSignal.timeout(patienceMs));
  await assert.rejects(staging, (error: DaemonError) => {
    assert.equal(error.kind, 'failed-precondition');
    assert.match(error.message, /has entry "file\/\\u001bbelow", which cannot be unpacked: open ENOTDIR$/);
    return true;
  });
});

test('floods are refused', async () => {
  const devices = Array.from({ length: 1025 }, (_, at) => ({
    name: `d${at}`,
    type: '3',
    device: [1, 3] as const,
  }));
  await refused(tarSource(devices), /more than 1024 device nodes/);
  const files = Array.from({ length: 101 }, (_, at) => ({ name: `f${at}` }));
  await refused(tarSource(files), /more than 100 entries/, { maxEntries: 100 });
  await refused(tarSource([{ name: 'big', content: Buffer.alloc(3 << 20) }]), /more than 2097152 bytes/, {
    maxUnpackedBytes: 2 << 20,
  });
  await refused(tarSource([{ name: 'x', content }]), /free disk space/, { minFreeBytes: 2 ** 60 });
});

test('a gzip bomb is stopped long before its end', async () => {
  const tar = tarArchive([{ name: 'zeros', content: Buffer.alloc(100 << 20) }]);
  await refused(sourceOf(testLayer(tar)), /more than 100 times its size/, { maxRatio: 100 });
});

/** A zstd frame of one raw block, then blocks of 128 KiB of zeros in four bytes each. */
function zstdBomb(start: Buffer, zeroBlocks: number): Buffer {
  const block = (type: number, bytes: number): Buffer => {
    const head = Buffer.alloc(3);
    head.writeUIntLE((bytes << 3) | (type << 1), 0, 3);
    return head;
  };
  const zeros = Buffer.concat([block(1, 128 << 10), Buffer.alloc(1)]);
  const window = 7 << 3; // 128 KiB
  const frame = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, window]), block(0, start.length), start];
  return Buffer.concat([...frame, ...Array.from({ length: zeroBlocks }, () => zeros)]);
}

test('a zstd bomb is stopped in the middle of a piece, again and again', async () => {
  const blob = zstdBomb(tarHeader({ name: 'zeros', claimedSize: 2 ** 31 }), 8000);
  const source = { blobDigest: undefined, blobSizeBytes: undefined, diffId: sha256(blob) };
  for (let round = 0; round < 3; round += 1) {
    await refused({ ...source, blob: chunks(blob, blob.length) }, /more than 100 times/, { maxRatio: 100 });
  }
});

test('damaged blobs are refused with what is wrong', async () => {
  const layer = testLayer(tarArchive([{ name: 'x', content: Buffer.alloc(100_000, 7) }]));
  const good = sourceOf(layer);
  const cut = layer.blob.subarray(0, layer.blob.length - 9);
  const unchecked = { blobDigest: undefined, blobSizeBytes: undefined };
  await refused({ ...good, ...unchecked, blob: chunks(cut) }, /damaged: gzip: unexpected end of file/);
  await refused({ ...good, blob: chunks(cut) }, /bytes, its manifest says|damaged/);
  await refused({ ...good, blobSizeBytes: layer.blob.length - 1, blob: chunks(layer.blob) }, /longer than/);
  await refused({ ...good, blob: chunks(layer.blob), blobDigest: sha256(cut) }, /has blob digest/);
  await refused({ ...good, blob: chunks(layer.blob), diffId: sha256(cut) }, /unpacks to a tar of digest/);
  const broken = Buffer.from(layer.blob);
  broken.fill(0xff, 60, 90);
  await refused({ ...good, ...unchecked, blob: chunks(broken) }, /damaged: gzip: /);
  const cutTar = gzipSync(layer.tar.subarray(0, 50_000));
  await refused({ ...good, ...unchecked, blob: chunks(cutTar) }, /ends inside an entry/);
  await refused({ ...good, ...unchecked, blob: chunks(Buffer.from('BZh91AY&SY')) }, /bzip2/);
  await refused({ ...good, ...unchecked, blob: chunks(Buffer.alloc(2048, 65)) }, /not a valid tar/);
});

test('other inventions are refused', async () => {
  await refused(tarSource([{ name: 'x', type: 'S', content }]), /sparse/);
  await refused(tarSource([{ name: 'x', pax: { 'GNU.sparse.major': '1' }, content }]), /sparse/);
  await refused(tarSource([{ name: `${'a/'.repeat(49)}x`, pax: { path: 'a/'.repeat(2100) } }]), /not valid/);
  await refused(tarSource([{ name: 'x', pax: { path: 'y'.repeat(300) } }]), /not valid/);
  await refused(tarSource([{ name: '.wh...' }]), /whiteout .* of nothing/);
  await refused(tarSource([{ name: 'x', pax: { uid: '4294967295' } }]), /"x" of an invalid owner/);
  await refused(
    tarSource([{ name: 'x', pax: { 'SCHILY.xattr.security.selinux\0': 'y' } }]),
    /bad PAX record/,
  );
  const huge = tarHeader({ name: 'long', type: 'L', claimedSize: 2 << 20 });
  await refused(sourceOf(testLayer(huge)), /extended header of more than 1 MiB/);
});

test('attributes that steer an overlay are left out', async () => {
  const pax = { 'SCHILY.xattr.trusted.overlay.redirect': '/etc', 'SCHILY.xattr.user.fine': 'yes' };
  const layer = testLayer(tarArchive([{ name: 'dir/', type: '5', mode: 0o755, pax }]));
  const stored = await storeLayer(world.store, layer);
  const directory = join(world.graphRoot, 'overlay', stored.id, 'diff/dir');
  const script = 'import os,sys; print(sorted(os.listxattr(sys.argv[1])))';
  assert.equal(
    execFileSync('python3', ['-c', script, directory], { encoding: 'utf8' }).trim(),
    "['user.fine']",
  );
  await world.store.layers.removeUnusedLayers([stored.id]);
  assert.ok(!existsSync(directory));
});

test('a source that fails and a caller that gives up leave nothing', async () => {
  const layer = testLayer(tarArchive([{ name: 'x', content: Buffer.alloc(400_000, 7) }]));
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield layer.tar.subarray(0, 200_000);
    throw new Error('connection lost');
  }
  const source = { ...sourceOf(layer), blobSizeBytes: undefined };
  await refused({ ...source, blob: broken() }, /^connection lost$/);
  const before = listing();
  const controller = new AbortController();
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield layer.tar.subarray(0, 200_000);
    setTimeout(() => controller.abort(new Error('given up')), 50);
    await new Promise(() => {});
  }
  const staging = world.store.layers.stageLayer({ ...source, blob: endless() }, limits, controller.signal);
  await assert.rejects(staging, /given up/);
  assert.equal(listing(), before);
});

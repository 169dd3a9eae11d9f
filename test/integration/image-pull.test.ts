// Pulls from a real registry into the real store: images that skopeo pushed, and what other tools see of the result.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { digestOf } from '../../internal/registry/digest.ts';
import { type MadeImage, makeImage, makeList } from '../fakes/made-image.ts';
import { RegistryServer } from '../fakes/registry-server.ts';
import { command } from '../harness/command.ts';
import { TestRegistry } from '../harness/registry.ts';
import { missing } from '../harness/requirements.ts';
import { defaultPolicy, imagesOf, type TestImages } from './image-world.ts';
import { openWorld, testLayer, type World } from './storage-world.ts';

const skip = missing('docker-registry', 'skopeo', 'podman');
const never = new AbortController().signal;

let world: World;
let registry: TestRegistry;
let images: TestImages;
let built: MadeImage;

before(async () => {
  if (skip !== false) return;
  [world, registry] = await Promise.all([openWorld(), TestRegistry.start()]);
  images = imagesOf(world);
  const base = world.tarOf('mkdir bin etc; cp /bin/busybox bin; echo base > etc/motd; seq 200000 > big');
  const top = world.tarOf('mkdir etc; touch etc/.wh.motd; echo top > etc/issue');
  built = makeImage({ layers: [base, top], user: '1002:7' });
});

after(async () => {
  if (skip !== false) return;
  await Promise.all([images.close(), registry.stop()]);
  await world.close();
});

beforeEach(async () => {
  if (skip !== false) return;
  await images.removeAll();
  assertStoreEmpty();
});

function assertStoreEmpty(): void {
  const driver = join(world.graphRoot, 'overlay');
  const layers = readdirSync(driver).filter((name) => /^[0-9a-f]{64}$/.test(name));
  const splits = readdirSync(join(world.graphRoot, 'overlay-layers')).filter((name) =>
    name.includes('tar-split'),
  );
  const images = readdirSync(join(world.graphRoot, 'overlay-images')).filter((name) =>
    /^[0-9a-f]{64}$/.test(name),
  );
  assert.deepEqual([layers, splits, images, readdirSync(join(driver, 'l'))], [[], [], [], []]);
  assert.deepEqual(stagedLayers(), []);
}

/** What is in the directories of layers that are being staged. */
function stagedLayers(): string[] {
  const folders = join(world.graphRoot, 'overlay/tempdirs');
  if (!existsSync(folders)) return [];
  return readdirSync(folders, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => readdirSync(join(folders, entry.name)));
}

/** Pushes `image` by skopeo in the given format and returns the reference. */
async function push(image: MadeImage, name: string, format: 'oci' | 'v2s2'): Promise<string> {
  const layout = images.writeLayout(image);
  const reference = `${registry.host}/${name}`;
  const flags = ['--dest-tls-verify=false', '--format', format, '--policy', defaultPolicy(world.directory)];
  await command(['skopeo', 'copy', ...flags, `oci:${layout}`, `docker://${reference}`]);
  return reference;
}

const pull = (reference: string): Promise<string> =>
  images.pull({ reference, credentials: undefined, namespace: '' }, never);

test('pulls OCI and docker images, which podman can run and list', { skip }, async () => {
  const oci = await push(built, 'test/oci:v1', 'oci');
  const docker = await push(built, 'test/docker:v1', 'v2s2');
  const ociId = await pull(oci);
  assert.equal(ociId, built.id);
  const dockerId = await pull(docker);
  const shown = images.find(oci);
  assert.deepEqual(shown?.repoTags.includes(oci), true);
  assert.equal(shown?.uid, 1002);
  assert.ok((shown?.sizeBytes ?? 0) > 1_000_000);
  assert.equal(images.find(docker)?.id, dockerId);
  assert.match(world.podman('images', '--no-trunc'), new RegExp(ociId));
  const mounted = world.podman('image', 'mount', oci).trim();
  assert.deepEqual(readdirSync(join(mounted, 'etc')), ['issue']);
  world.podman('image', 'umount', oci);
});

test('an image of two registries has one id, and leaves with all its names', { skip }, async () => {
  const second = await TestRegistry.start();
  try {
    const here = await push(built, 'test/same:v1', 'oci');
    const layout = images.writeLayout(built);
    const there = await second.push(layout, 'other/same', 'v2');
    assert.equal(await pull(here), await pull(there));
    assert.deepEqual(images.find(here)?.repoTags, [here, there].sort());
    await Promise.all(Array.from({ length: 5 }, () => images.remove(there, never)));
    assert.equal(images.find(here), undefined);
    assertStoreEmpty();
  } finally {
    await second.stop();
  }
});

test('pulls this platform of a list by tag, by list digest and by instance digest', { skip }, async () => {
  const server = await RegistryServer.start();
  try {
    const decoy = makeImage({ architecture: 's390x', user: 'decoy' });
    const list = makeList([
      { image: decoy, architecture: 's390x' },
      { image: built, architecture: images.architecture },
    ]);
    server.add(decoy);
    server.add(built);
    server.addList(list, 'multi');
    const name = `${server.host}/a/b`;
    assert.equal(await pull(`${name}@${list.digest}`), built.id);
    assert.deepEqual(images.find(built.id)?.repoTags, []);
    assert.deepEqual(images.find(built.id)?.repoDigests, [`${name}@${list.digest}`]);
    await pull(`${name}:multi`);
    await pull(`${name}@${built.manifestDigest}`);
    const shown = images.find(built.id);
    assert.deepEqual(
      shown?.repoDigests,
      [`${name}@${built.manifestDigest}`, `${name}@${list.digest}`].sort(),
    );
    for (const reference of [...(shown?.repoTags ?? []), ...(shown?.repoDigests ?? [])]) {
      assert.deepEqual(images.find(reference), shown);
      assert.equal(world.podman('image', 'inspect', '--format', '{{.Id}}', reference).trim(), built.id);
    }
  } finally {
    await server.close();
  }
});

test('concurrent pulls join, and a caller that gives up does not stop the others', { skip }, async () => {
  const reference = await push(built, 'test/joined:v1', 'oci');
  const hasty = images.pull({ reference, credentials: undefined, namespace: '' }, AbortSignal.timeout(1));
  const patient = Array.from({ length: 4 }, () => pull(reference));
  await assert.rejects(hasty, { name: 'TimeoutError' });
  assert.deepEqual(new Set(await Promise.all(patient)), new Set([built.id]));
});

test('two images with common layers pull at once', { skip }, async () => {
  const more = makeImage({ layers: [...built.layerTars, world.tarOf('echo more > more')] });
  const references = await Promise.all([
    push(built, 'test/base:v1', 'oci'),
    push(more, 'test/more:v1', 'oci'),
  ]);
  const ids = await Promise.all(references.map(pull));
  assert.deepEqual(ids, [built.id, more.id]);
  assert.equal(images.list().length, 2);
});

test('an image that another tool removed is whole after the next pull', { skip }, async () => {
  const reference = await push(built, 'test/again:v1', 'oci');
  await pull(reference);
  world.podman('rmi', '-f', built.id);
  assert.equal(await pull(reference), built.id);
  const mounted = world.podman('image', 'mount', reference).trim();
  assert.deepEqual(readdirSync(join(mounted, 'etc')), ['issue']);
  world.podman('image', 'umount', reference);
});

test('failures leave the store as it was', { skip }, async () => {
  const server = await RegistryServer.start();
  try {
    server.add(built, 'v1');
    const [base, top] = built.layerBlobs as [Buffer, Buffer];
    const pullOf = (): Promise<string> => pull(`${server.host}/a/b:v1`);
    const refused = async (blob: Buffer, wrong: Buffer, expected: RegExp): Promise<void> => {
      server.addBlob(digestOf(blob), wrong);
      await assert.rejects(pullOf(), expected);
      server.addBlob(digestOf(blob), blob);
      assert.deepEqual(images.list(), []);
      assertStoreEmpty();
    };
    await refused(top, Buffer.alloc(top.length, 1), /./);
    await refused(base, base.subarray(0, base.length - 1), /where the manifest says/);
    const swapped = makeImage({ layers: built.layerTars });
    const lying = { ...(JSON.parse(swapped.manifest.toString()) as { layers: object[] }) };
    lying.layers.reverse();
    const manifest = Buffer.from(JSON.stringify(lying));
    server.addManifest(manifest, built.manifestType, 'swapped');
    server.add(swapped);
    await assert.rejects(pull(`${server.host}/a/b:swapped`), /the image config says otherwise/);
    assertStoreEmpty();
    assert.equal(await pullOf(), built.id);
  } finally {
    await server.close();
  }
});

test('a zstd layer is pulled like any other', { skip: skip || missing('zstd') }, async () => {
  const { tar, diffId } = testLayer(world.tarOf('echo zstd > file'));
  const path = join(world.directory, 'layer.tar');
  writeFileSync(path, tar);
  world.shell(`zstd -qf ${path}`);
  const image = images.withLayerBlob(makeImage({ layers: [tar] }), `${path}.zst`);
  const server = await RegistryServer.start();
  try {
    server.add(image, 'v1');
    await pull(`${server.host}/a/b:v1`);
    assert.equal(world.store.layers.findLayer(undefined, diffId)?.diffId, diffId);
  } finally {
    await server.close();
  }
});

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { imageOptions, imageParts } from '../../test/fakes/image-parts.ts';
import { type MadeImage, makeImage, makeList, makeTar, type TarMember } from '../../test/fakes/made-image.ts';
import { MemoryLayerStore } from '../../test/fakes/memory-layer-store.ts';
import { openPolicy } from '../../test/fakes/open-policy.ts';
import { digestOf } from '../registry/digest.ts';
import { StoredImages } from './stored-images.ts';

const never = new AbortController().signal;

let folder: string;
let store: MemoryLayerStore;
let images: StoredImages;
/** Of which the policy was asked. */
let places: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'load-image-'));
  store = new MemoryLayerStore();
  places = [];
  const policy = {
    ...openPolicy,
    admitUnsigned: async (place: { path: string }) => void places.push(place.path),
  };
  images = new StoredImages(imageParts({ layers: store, records: store }, { policy }), imageOptions);
});

afterEach(() => rm(folder, { recursive: true }));

function layout(index: object, image: MadeImage, ...more: readonly Buffer[]): TarMember[] {
  const blobs = [image.manifest, ...image.blobs.values(), ...more];
  return [
    { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    { name: 'index.json', content: JSON.stringify(index) },
    ...blobs.map((blob) => ({ name: `./blobs/${digestOf(blob).replace(':', '/')}`, content: blob })),
  ];
}

function indexOf(image: MadeImage, annotations: object): object {
  const { manifest, manifestDigest, manifestType } = image;
  const entry = { mediaType: manifestType, digest: manifestDigest, size: manifest.length, annotations };
  return { schemaVersion: 2, manifests: [entry] };
}

async function writeArchive(members: readonly TarMember[]): Promise<string> {
  const path = join(folder, 'archive.tar');
  await writeFile(path, makeTar(members));
  return path;
}

async function writeDirectory(members: readonly TarMember[]): Promise<string> {
  for (const { name, content = '' } of members) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

const nameOf = (name: string): object => ({ 'org.opencontainers.image.ref.name': name });
const twoLayers = [makeTar([{ name: 'a', content: 'a' }]), makeTar([{ name: 'b', content: 'b' }])];

test('loads an OCI layout from a directory and from a tar', async () => {
  const image = makeImage({ layers: twoLayers, user: '7' });
  const members = layout(indexOf(image, nameOf('r.io/a:v1')), image);
  assert.deepEqual(await images.load(await writeDirectory(members), [], never), [image.id]);
  assert.deepEqual(images.find(image.id)?.repoTags, ['r.io/a:v1']);
  assert.equal(images.find(image.id)?.uid, 7);
  await images.remove(image.id, never);
  assert.equal(store.layers.size, 0);
  assert.deepEqual(await images.load(await writeArchive(members), [], never), [image.id]);
  assert.equal(store.layers.size, 2);
});

test('the policy is asked of the place that a link leads to', async () => {
  const image = makeImage();
  const path = await writeArchive(layout(indexOf(image, nameOf('r.io/a:v1')), image));
  await symlink(path, join(folder, 'link'));
  await images.load(join(folder, 'link'), [], never);
  assert.deepEqual(places, [await realpath(path)]);
});

test('names of a layout: containerd annotation, short name, tag alone, given names', async () => {
  const image = makeImage();
  const load = async (annotations: object, names: readonly string[] = []): Promise<unknown> => {
    const path = await writeArchive(layout(indexOf(image, annotations), image));
    const [id = ''] = await images.load(path, names, never);
    const tags = images.find(id)?.repoTags;
    await images.remove(id, never);
    return tags;
  };
  const both = { ...nameOf('v1'), 'io.containerd.image.name': 'docker.io/library/x:v1' };
  assert.deepEqual(await load(both), ['docker.io/library/x:v1']);
  assert.deepEqual(await load(nameOf('busybox:v2')), ['localhost/busybox:v2']);
  assert.deepEqual(await load(nameOf('v2')), []);
  assert.deepEqual(await load(nameOf('r.io/a:v1'), ['r.io/b', 'c:d']), ['localhost/c:d', 'r.io/b:latest']);
});

test('takes the image of this platform out of a list in a layout', async () => {
  const [image, other] = [makeImage(), makeImage({ architecture: 's390x', user: 's' })];
  const list = makeList([
    { image: other, architecture: 's390x' },
    { image, architecture: 'amd64' },
  ]);
  const entry = { mediaType: list.mediaType, digest: list.digest, size: list.bytes.length };
  const path = await writeArchive(layout({ schemaVersion: 2, manifests: [entry] }, image, list.bytes));
  assert.deepEqual(await images.load(path, [], never), [image.id]);
});

test('loads all images of a layout but does not give one name to several', async () => {
  const [first, second] = [makeImage({ user: '1' }), makeImage({ user: '2' })];
  const manifests = [first, second].map(({ manifest, manifestDigest, manifestType }, index) => ({
    mediaType: manifestType,
    digest: manifestDigest,
    size: manifest.length,
    annotations: nameOf(`r.io/a:${index}`),
  }));
  const index = { schemaVersion: 2, manifests };
  const path = await writeArchive(layout(index, first, second.manifest, ...second.blobs.values()));
  await assert.rejects(images.load(path, ['r.io/x'], never), /holds 2 images \(r\.io\/a:0, r\.io\/a:1\)/);
  assert.deepEqual(await images.load(path, [], never), [first.id, second.id]);
});

function dockerArchive(
  image: MadeImage,
  layers: readonly TarMember[],
  repoTags = ['busybox:v1'],
): TarMember[] {
  const entry = { Config: `${image.id}.json`, RepoTags: repoTags, Layers: layers.map(({ name }) => name) };
  return [
    ...layers,
    { name: `${image.id}.json`, content: image.config },
    { name: 'manifest.json', content: JSON.stringify([entry]) },
  ];
}

test('loads a docker archive with plain, compressed and linked layers', async () => {
  const layers = [...twoLayers, twoLayers[0]!];
  const image = makeImage({ layers });
  const members: TarMember[] = [
    { name: 'one/layer.tar', content: layers[0]! },
    { name: 'two/layer.tar', content: gzipSync(layers[1]!) },
    { name: 'three/layer.tar', type: '2', linkName: '../one/layer.tar' },
  ];
  const path = await writeArchive(dockerArchive(image, members));
  assert.deepEqual(await images.load(path, [], never), [image.id]);
  assert.deepEqual(images.find('docker.io/library/busybox:v1')?.id, image.id);
  const manifest = JSON.parse(Buffer.from(await store.readManifest(image.id)).toString()) as {
    layers: { digest: string }[];
  };
  assert.deepEqual(
    manifest.layers.map(({ digest }) => digest),
    layers.map(digestOf),
  );
});

test('refuses archives that lie or lead outside, and leaves nothing', async () => {
  const image = makeImage({ layers: twoLayers });
  const honest = dockerArchive(image, [
    { name: '1.tar', content: twoLayers[0]! },
    { name: '2.tar', content: twoLayers[1]! },
  ]);
  const replaced = (name: string, member: TarMember): TarMember[] =>
    honest.map((each) => (each.name === name ? member : each));
  const cases: [RegExp, readonly TarMember[]][] = [
    [/does not hold layer "1.tar"/, replaced('1.tar', { name: '1.tar', type: '2', linkName: '/etc/passwd' })],
    [
      /does not hold layer "1.tar"/,
      replaced('1.tar', { name: '1.tar', type: '2', linkName: '../../etc/passwd' }),
    ],
    [/loop of links/, replaced('1.tar', { name: '1.tar', type: '2', linkName: '1.tar' })],
    [/name leads out/, replaced('1.tar', { name: '../1.tar' })],
    [/unknown type "3"/, replaced('1.tar', { name: '1.tar', type: '3' })],
    [/diff id/, replaced('1.tar', { name: '1.tar', content: twoLayers[1]! })],
    [
      /2 layers|1 layers/,
      replaced('manifest.json', {
        name: 'manifest.json',
        content: `[{"Config":"${image.id}.json","Layers":["1.tar"]}]`,
      }),
    ],
    [
      /more than 1048576 bytes/,
      replaced('manifest.json', { name: 'manifest.json', content: Buffer.alloc(1_100_000, 32) }),
    ],
    [/not valid JSON/, replaced('manifest.json', { name: 'manifest.json', content: '[' })],
    [/neither an OCI layout nor a docker archive/, [{ name: 'x' }]],
  ];
  for (const [expected, members] of cases) {
    await assert.rejects(images.load(await writeArchive(members), [], never), expected);
    assert.equal(store.layers.size + store.staged.size + store.images.size, 0);
  }
});

test('refuses a docker archive in a directory whose names lead out of it', async () => {
  const image = makeImage();
  const secret = `${folder}-outside`;
  await writeFile(secret, image.config);
  try {
    const entry = { Config: `../${basename(secret)}`, Layers: [] };
    await writeDirectory([{ name: 'manifest.json', content: JSON.stringify([entry]) }]);
    await assert.rejects(images.load(folder, [], never), /not a plain file inside it/);
  } finally {
    await rm(secret);
  }
});

test('refuses files that are no tar', async () => {
  const path = join(folder, 'x');
  await assert.rejects(images.load(path, [], never), { kind: 'not-found' });
  await writeFile(path, gzipSync(makeTar([{ name: 'manifest.json', content: '[]' }])));
  await assert.rejects(images.load(path, [], never), /not a tar/);
  await writeFile(path, gzipSync(Buffer.alloc(9999, 'abcdef')).toString('hex').repeat(20));
  await assert.rejects(images.load(path, [], never), /compressed archive must be unpacked first/);
  const image = makeImage();
  const archive = await writeArchive(dockerArchive(image, [{ name: '1.tar', content: image.layerTars[0]! }]));
  await truncate(archive, 700);
  await assert.rejects(images.load(archive, [], never), /truncated/);
});

test('refuses a layout with symbolic links, of files and of folders', async () => {
  const image = makeImage();
  const members = layout(indexOf(image, {}), image);
  await writeDirectory(members);
  const outside = await mkdtemp(join(tmpdir(), 'load-image-'));
  try {
    await rm(join(folder, 'index.json'));
    await writeFile(join(outside, 'index.json'), JSON.stringify(indexOf(image, {})));
    await symlink(join(outside, 'index.json'), join(folder, 'index.json'));
    await assert.rejects(images.load(folder, [], never), {
      kind: 'failed-precondition',
      message: /not a plain file/,
    });
    await rm(join(folder, 'index.json'));
    await writeDirectory(members);
    await rm(join(folder, 'blobs'), { recursive: true });
    await mkdir(join(outside, 'sha256'));
    for (const blob of [image.manifest, ...image.blobs.values()]) {
      await writeFile(join(outside, 'sha256', digestOf(blob).slice(7)), blob);
    }
    await symlink(outside, join(folder, 'blobs'));
    await assert.rejects(images.load(folder, [], never), /not a plain file inside it/);
  } finally {
    await rm(outside, { recursive: true });
  }
});

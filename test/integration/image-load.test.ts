// Loads archives that the real tools wrote.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { digestOf } from '../../internal/registry/digest.ts';
import { type MadeImage, makeImage } from '../fakes/made-image.ts';
import { missing } from '../harness/requirements.ts';
import { defaultPolicy, imagesOf, type TestImages } from './image-world.ts';
import { openWorld, type World } from './storage-world.ts';

const skip = missing('skopeo', 'podman');
const never = new AbortController().signal;

let world: World;
let images: TestImages;
let image: MadeImage;
let layout: string;

before(async () => {
  if (skip !== false) return;
  world = await openWorld();
  images = imagesOf(world);
  const layers = [world.tarOf('echo one > one; ln one two'), world.tarOf('echo three > three')];
  image = makeImage({ layers, user: 'www-data:1004' });
  layout = images.writeLayout(image, 'localhost/made:v1');
});

after(async () => {
  if (skip !== false) return;
  await images.close();
  await world.close();
});

beforeEach(async () => {
  if (skip === false) await images.removeAll();
});

function copy(to: string): void {
  world.skopeo('copy', '--policy', defaultPolicy(world.directory), `oci:${layout}`, to);
}

function assertLayersPresent(): void {
  let parentId: string | undefined;
  for (const diffId of image.layerTars.map(digestOf)) {
    const layer = world.store.layers.findLayer(parentId, diffId);
    assert.ok(layer, `layer ${diffId}`);
    parentId = layer.id;
  }
  assert.ok(existsSync(join(world.graphRoot, 'overlay', parentId ?? '', 'diff/three')));
}

test('an OCI layout directory', { skip }, async () => {
  assert.deepEqual(await images.load(layout, [], never), [image.id]);
  assert.deepEqual(images.find('localhost/made:v1')?.id, image.id);
  assert.equal(images.find(image.id)?.username, 'www-data');
  assertLayersPresent();
});

test('an OCI archive of skopeo', { skip }, async () => {
  const path = join(world.directory, 'oci.tar');
  copy(`oci-archive:${path}:example.com/app:v2`);
  const [id = ''] = await images.load(path, [], never);
  assert.deepEqual(images.find(id)?.repoTags, ['example.com/app:v2']);
  assertLayersPresent();
});

test('a docker archive of skopeo, whose layers podman can read back', { skip }, async () => {
  const path = join(world.directory, 'docker.tar');
  copy(`docker-archive:${path}:app:v3`);
  const [id = ''] = await images.load(path, [], never);
  assert.deepEqual(images.find('docker.io/library/app:v3')?.id, id);
  assertLayersPresent();
  assert.equal(world.podman('image', 'inspect', '--format', '{{.Id}}', id).trim(), id);
  assert.equal(await images.rawConfig(id).then((config) => typeof config), 'object');
});

test('a docker archive of podman with two images', { skip }, async () => {
  await images.load(layout, ['localhost/one:v1', 'localhost/two:v1'], never);
  const path = join(world.directory, 'saved.tar');
  world.podman('save', '--multi-image-archive', '-o', path, 'localhost/one:v1', 'localhost/two:v1');
  await images.removeAll();
  const ids = await images.load(path, [], never);
  assert.ok(ids.length >= 1);
  assert.deepEqual(images.find(ids[0] ?? '')?.repoTags, ['localhost/one:v1', 'localhost/two:v1']);
});

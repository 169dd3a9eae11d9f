// Ten writers of three tools on one store: podman, skopeo and cria load, tag, run and remove images at once. Nothing of
// what one of them did is lost, and all see the same in the end.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { inspect } from '../../internal/storage/check/inspect.ts';
import { tarArchive } from '../fixtures/tar-builder.ts';
import { rounds } from '../harness/long-tests.ts';
import { patienceMs } from '../harness/until.ts';
import { imagesOf } from './image-world.ts';
import { type TestLayer, testLayer, useStorageWorld, writeLayout } from './storage-world.ts';

const run = promisify(execFile);
const check = { contents: true, unreferencedAgeMs: 1e9, signal: new AbortController().signal };
const world = useStorageWorld();
const layers: readonly TestLayer[] = ['shared', 'a', 'b', 'c', 'd'].map(someLayer);

function someLayer(name: string): TestLayer {
  const items = Array.from({ length: 60 }, (_, at) => ({
    name: `${name}-${at}`,
    content: randomBytes(5000),
  }));
  return testLayer(tarArchive(items));
}

async function podman(...args: readonly string[]): Promise<string> {
  const roots = ['--root', world.graphRoot, '--runroot', world.runRoot, '--storage-driver', 'overlay'];
  return (await run('podman', [...roots, '--cgroup-manager', 'cgroupfs', ...args])).stdout;
}

/**
 * An image of this writer alone: two tools that name one image at the same moment lose names to each other, without cria
 * too. All images share their base, and some the other layer.
 */
function layoutOf(writer: number, round: number): { path: string; id: string } {
  const path = join(world.directory, `layout-${writer}-${round}`);
  const [shared, ...others] = layers;
  const top = others[(writer + round) % others.length];
  const both = [shared, top].filter((layer) => layer !== undefined);
  return { path, id: writeLayout(path, both, { Labels: { writer: `${writer} ${round}` } }) };
}

async function copyBySkopeo(writer: number, round: number): Promise<void> {
  const { path } = layoutOf(writer, round);
  const name = world.storageName(`localhost/w${writer}:${round}`);
  await run('skopeo', ['copy', '--quiet', `oci:${path}`, name]);
}

/** Each loads, tags and removes under names of its own; what it leaves is what its last words say. */
const writers: readonly ((writer: number, round: number) => Promise<void>)[] = [
  copyBySkopeo,
  async (writer, round) => {
    await copyBySkopeo(writer, round);
    await podman('tag', `localhost/w${writer}:${round}`, `localhost/w${writer}:kept-${round}`);
    await podman('rmi', `localhost/w${writer}:${round}`);
  },
  async (writer, round) => {
    const { path, id } = layoutOf(writer, round);
    const images = imagesOf(world);
    await images.load(path, [`localhost/w${writer}:${round}`], AbortSignal.timeout(patienceMs));
    const containerId = randomBytes(32).toString('hex');
    const target = join(world.directory, `rootfs-${writer}-${round}`);
    const { containers } = world.store;
    await containers.create({ containerId, imageId: id, names: [containerId], metadata: {} });
    await containers.mount(containerId, target);
    assert.ok(readFileSync(join(target, 'shared-7')).length === 5000);
    await containers.unmount(target);
    await containers.remove(containerId);
  },
];

function expectedName(writer: number, round: number): string {
  return `localhost/w${writer}:${writer % writers.length === 1 ? 'kept-' : ''}${round}`;
}

test('ten writers of three tools lose nothing, and all see the same', async () => {
  const count = rounds(3, 12);
  const work = Array.from({ length: 10 }, async (_, writer) => {
    for (let round = 0; round < count; round += 1) await writers[writer % writers.length]?.(writer, round);
  });
  const failed = (await Promise.allSettled(work)).filter((result) => result.status === 'rejected');
  assert.deepEqual(failed, []);
  await world.store.images.refresh();
  const images = world.store.images.list();
  const names = images.flatMap((image) => image.names);
  for (let writer = 0; writer < 10; writer += 1) {
    for (let round = 0; round < count; round += 1) {
      const name = expectedName(writer, round);
      assert.ok(names.includes(name), `${name} is lost`);
    }
  }
  assert.equal(images.length, 10 * count);
  const theirs = (await podman('images', '--no-trunc', '--format', '{{.Id}} {{.Repository}}:{{.Tag}}'))
    .trim()
    .split('\n');
  const ours = images.flatMap((image) => image.names.map((name) => `sha256:${image.id} ${name}`));
  assert.deepEqual(theirs.map((line) => line.replace(/^(?!sha256:)/, 'sha256:')).sort(), ours.sort());
  assert.deepEqual((await inspect(world.store.state, check)).findings, []);
  for (const list of ['layers', 'images', 'containers']) {
    const records: unknown = JSON.parse(
      readFileSync(join(world.graphRoot, `overlay-${list}/${list}.json`), 'utf8'),
    );
    assert.ok(Array.isArray(records));
  }
});

test('removals of both sides meet, and the store is empty in the end', async () => {
  await world.store.images.refresh();
  const ids = world.store.images.list().map(({ id }) => id);
  const images = imagesOf(world);
  await Promise.all([
    ...ids.map((id) => images.remove(id, AbortSignal.timeout(patienceMs))),
    ...ids.map((id) =>
      podman('rmi', '--force', id).catch((error: Error) =>
        assert.match(error.message, /not known|no such image|unable to find/i),
      ),
    ),
  ]);
  await world.store.images.refresh();
  assert.deepEqual(world.store.images.list(), []);
  assert.deepEqual(world.store.state.layers.all(), []);
  assert.equal(world.shell(`ls ${world.graphRoot}/overlay/l`), '');
});

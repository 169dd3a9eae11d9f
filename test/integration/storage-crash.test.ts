// A process that dies in the middle of its work, and several that work on one store at once.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { silentLogger } from '../../internal/log/logger.ts';
import { openStore } from '../../internal/storage/open-store.ts';
import { openWorld, storeImage, testLayer, useStorageWorld } from './storage-world.ts';

const world = useStorageWorld();

function layerIds(): string[] {
  const path = join(world.graphRoot, 'overlay-layers/layers.json');
  if (!existsSync(path)) return [];
  const text = readFileSync(path, 'utf8');
  return (JSON.parse(text) as { id: string }[]).map((layer) => layer.id).sort();
}

test('a store whose writer was killed at any moment is whole after the next opening', async () => {
  const base = world.tarOf('i=0; while [ $i -lt 300 ]; do echo $i > f$i; i=$((i+1)); done');
  const top = world.tarOf('mkdir d; head -c 3000000 /dev/urandom > d/big');
  const tars = [1, 2].map((at) => join(world.directory, `tree-${at}.tar`));
  assert.ok(base.length > 0 && top.length > 0);
  const child = fileURLToPath(new URL('./storage-crash-child.js', import.meta.url));
  for (let round = 0; round < 12; round += 1) {
    const victim = spawn(process.execPath, [child, world.graphRoot, world.runRoot, ...tars], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(victim.stdout, 'data');
    await sleep(20 + round * 23);
    victim.kill('SIGKILL');
    await once(victim, 'exit');
    const store = await openStore({
      graphRoot: world.graphRoot,
      runRoot: world.runRoot,
      logger: silentLogger,
    });
    await store.close();
    const dirs = readdirSync(join(world.graphRoot, 'overlay')).filter((name) => name.length === 64);
    const links = readdirSync(join(world.graphRoot, 'overlay/l'));
    const splits = readdirSync(join(world.graphRoot, 'overlay-layers')).filter((name) => /split/.test(name));
    assert.ok(!existsSync(join(world.graphRoot, 'overlay/tempdirs')));
    assert.deepEqual(dirs.sort(), layerIds());
    assert.equal(links.length, dirs.length);
    assert.deepEqual(
      splits.sort(),
      layerIds().map((id) => `${id}.tar-split.gz`),
    );
    for (const id of layerIds()) assert.ok(existsSync(join(world.graphRoot, 'overlay', id, 'link')));
  }
});

test('six writers of three tools at once lose nothing', async () => {
  const shared = testLayer(world.tarOf('echo shared > shared'));
  const run = promisify(execFile);
  const images = ['a', 'b', 'c'].map((name) => [shared, testLayer(world.tarOf(`echo ${name} > ${name}`))]);
  const oci = join(world.directory, 'oci');
  const seed = await openWorld();
  try {
    for (const [at, layers] of images.entries()) {
      await storeImage(seed.store, layers, `localhost/seed:${at}`);
      seed.skopeo('copy', seed.storageName(`localhost/seed:${at}`), `oci:${oci}:${at}`);
    }
  } finally {
    await seed.close();
  }
  const second = await openStore({
    graphRoot: world.graphRoot,
    runRoot: world.runRoot,
    logger: silentLogger,
  });
  await Promise.all([
    ...images.map((layers, at) =>
      storeImage(at === 0 ? second : world.store, layers, `localhost/ours:${at}`),
    ),
    ...images.map((_, at) =>
      run('skopeo', ['copy', `oci:${oci}:${at}`, world.storageName(`localhost/theirs:${at}`)]),
    ),
  ]);
  await world.store.images.refresh();
  const names = world.store.images.list().flatMap((image) => image.names);
  const expected = [0, 1, 2].flatMap((at) => [`localhost/ours:${at}`, `localhost/theirs:${at}`]);
  assert.deepEqual(names.filter((name) => /ours|theirs/.test(name)).sort(), expected.sort());
  const seen = world.podman('images', '--format', '{{.Repository}}:{{.Tag}}');
  for (const name of expected) assert.ok(seen.includes(name), `podman does not see ${name}`);
  await second.close();
});

test('an image that we remove is gone for podman, and the other way round', async () => {
  const layer = testLayer(world.tarOf('echo one > one'));
  const ours = await storeImage(world.store, [layer], 'localhost/one:1');
  await world.store.images.remove(ours.id);
  await world.store.images.remove(ours.id);
  assert.ok(!world.podman('images').includes('localhost/one'));
  const again = await storeImage(world.store, [layer], 'localhost/one:1');
  world.podman('rmi', 'localhost/one:1');
  await world.store.images.refresh();
  assert.equal(world.store.images.get(again.id), undefined);
  assert.equal(world.store.layers.findLayer(undefined, layer.diffId), undefined);
});

test('a name moves to the image that took it last, and the history keeps it', async () => {
  const first = await storeImage(world.store, [testLayer(world.tarOf('echo 1 > x'))], 'localhost/moving:1');
  const second = await storeImage(world.store, [testLayer(world.tarOf('echo 2 > x'))], 'localhost/moving:1');
  assert.deepEqual(world.store.images.get(first.id)?.names, []);
  assert.deepEqual(world.store.images.get(second.id)?.names, ['localhost/moving:1']);
  const text = readFileSync(join(world.graphRoot, 'overlay-images/images.json'), 'utf8');
  const record = (JSON.parse(text) as { id: string; 'names-history': string[] }[]).find(
    (image) => image.id === first.id,
  );
  assert.deepEqual(record?.['names-history'], ['localhost/moving:1']);
});

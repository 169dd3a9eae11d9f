// What crashes of any tool leave behind, and that only that is deleted.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '../../internal/log/logger.ts';
import { openStore } from '../../internal/storage/open-store.ts';
import { TempDir } from '../../internal/storage/temp-dir.ts';
import { tryLockFile } from '../../internal/sys/file-lock.ts';
import { MNT_DETACH, mount, unmount } from '../../internal/sys/mount.ts';
import { tarArchive } from '../fixtures/tar-builder.ts';
import { patienceMs } from '../harness/until.ts';
import { limits, sourceOf, storeImage, storeLayer, testLayer, useStorageWorld } from './storage-world.ts';

const world = useStorageWorld();

const inGraph = (...parts: string[]): string => join(world.graphRoot, ...parts);

function edit(path: string, change: (records: { id: string }[]) => object[]): void {
  writeFileSync(inGraph(path), JSON.stringify(change(JSON.parse(readFileSync(inGraph(path), 'utf8')))));
  const lock = inGraph(path.replace(/json$/, 'lock'));
  writeFileSync(lock, randomBytes(64));
}

async function reopen(isDaemon = true): Promise<void> {
  const { graphRoot, runRoot } = world;
  await (await openStore({ graphRoot, runRoot, isDaemon, logger: silentLogger })).close();
}

test('opening deletes incomplete layers, dangling links, torn writes and abandoned work, and nothing else', async () => {
  const good = await storeImage(world.store, [testLayer(world.tarOf('echo x > x'))], 'localhost/good:1');
  const half = 'ab'.repeat(32);
  const young = 'cd'.repeat(32);
  for (const id of [half, young]) mkdirSync(inGraph('overlay', id, 'diff'), { recursive: true });
  writeFileSync(inGraph('overlay', half, 'link'), 'A'.repeat(26));
  symlinkSync(`../${half}/diff`, inGraph('overlay/l', 'A'.repeat(26)));
  symlinkSync(`../${'ef'.repeat(32)}/diff`, inGraph('overlay/l', 'B'.repeat(26)));
  const layersJson = inGraph('overlay-layers/layers.json');
  const records = JSON.parse(readFileSync(layersJson, 'utf8')) as object[];
  writeFileSync(layersJson, JSON.stringify([...records, { id: half, flags: { incomplete: true } }]));
  writeFileSync(inGraph('overlay-layers/.tmp-layers.json123'), '[');
  mkdirSync(inGraph('overlay/tempdirs/temp-dir-dead/diff'), { recursive: true });
  writeFileSync(inGraph('overlay/tempdirs/lock-dead'), '');
  mkdirSync(inGraph('overlay/tempdirs/temp-dir-alive'));
  writeFileSync(inGraph('overlay/tempdirs/lock-alive'), '');
  // A process of another tool: it holds a POSIX record lock, as containers/storage does.
  const script =
    'import fcntl,sys,time\nf=open(sys.argv[1],"r+")\nfcntl.lockf(f,fcntl.LOCK_EX)\nprint("held",flush=True)\ntime.sleep(600)';
  const owner = spawn('python3', ['-c', script, inGraph('overlay/tempdirs/lock-alive')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(owner.stdout, 'data');
    await reopen();
  } finally {
    owner.kill('SIGKILL');
    await once(owner, 'exit');
  }
  assert.ok(!existsSync(inGraph('overlay', half)));
  assert.ok(existsSync(inGraph('overlay', young)), 'a directory of this hour may be somebody’s work');
  assert.deepEqual(readdirSync(inGraph('overlay/tempdirs')).sort(), ['lock-alive', 'temp-dir-alive']);
  assert.equal(readdirSync(inGraph('overlay/l')).length, 1);
  assert.deepEqual(JSON.parse(readFileSync(layersJson, 'utf8')), records);
  assert.ok(!existsSync(inGraph('overlay-layers/.tmp-layers.json123')));
  assert.ok(world.podman('images').includes('localhost/good'));
  assert.equal(world.store.images.get(good.id)?.names[0], 'localhost/good:1');
  await reopen();
  assert.ok(!existsSync(inGraph('overlay/tempdirs')));
});

test('layers that a kill left without an image or a container are deleted, and only those', async () => {
  const base = testLayer(world.tarOf('echo base > base'));
  const image = await storeImage(world.store, [base], 'localhost/used:1');
  const stored: Record<string, string> = {};
  for (const name of ['old', 'young', 'theirs']) {
    const layer = testLayer(world.tarOf(`echo ${name} > ${name}`));
    stored[name] = (await storeLayer(world.store, layer, image.topLayerId)).id;
  }
  const [kept, lost] = ['ab'.repeat(32), 'cd'.repeat(32)];
  for (const containerId of [kept, lost]) {
    const container = { containerId, imageId: image.id, names: [containerId], metadata: {} };
    await world.store.containers.create(container);
  }
  const rootOf = (containerId: string): string => world.store.containers.rootPath(containerId) ?? '';
  const [keptRoot, lostRoot] = [rootOf(kept), rootOf(lost)];
  // As a kill leaves it: the container's record never came, the pull's image neither.
  edit('overlay-containers/containers.json', (records) => records.filter(({ id }) => id !== lost));
  edit('overlay-layers/layers.json', (records) =>
    records.map((record) => {
      const created = new Date(Date.now() - 2 * 3_600_000).toISOString();
      if (record.id === stored['old'] || record.id === image.topLayerId) return { ...record, created };
      return record.id === stored['theirs'] ? { ...record, created, flags: undefined } : record;
    }),
  );
  await reopen(false);
  assert.ok(existsSync(keptRoot) && !existsSync(lostRoot));
  const found = Object.entries(stored).filter(([, id]) => existsSync(inGraph('overlay', id)));
  assert.deepEqual(
    found.map(([name]) => name),
    ['young', 'theirs'],
  );
  await reopen();
  assert.ok(!existsSync(inGraph('overlay', stored['young'] ?? '')), 'the daemon has no pull at its start');
  assert.ok(world.podman('images').includes('localhost/used'));
  await world.store.layers.removeUnusedLayers(Object.values(stored));
  await world.store.containers.remove(kept);
  await world.store.images.remove(image.id);
  assert.ok(!existsSync(inGraph('overlay', image.topLayerId ?? '')));
});

test('the root of unfinished work goes with the last of it, and no other work is in its way', async () => {
  const root = inGraph('overlay/tempdirs');
  const work = Array.from({ length: 20 }, async () => {
    for (let round = 0; round < 20; round += 1) {
      const directory = await TempDir.create(root);
      assert.ok(existsSync(directory.path));
      await directory.remove();
    }
  });
  await Promise.all(work);
  assert.ok(!existsSync(root));
});

test('what cannot be deleted keeps no store from opening, and no other waste in it', async () => {
  const target = inGraph('overlay/tempdirs/temp-dir-a/mounted');
  mkdirSync(target, { recursive: true });
  mkdirSync(inGraph('overlay/tempdirs/temp-dir-b'));
  await mount({ source: 'tmpfs', target, type: 'tmpfs', flags: 0, data: '' });
  try {
    await reopen();
    assert.deepEqual(readdirSync(inGraph('overlay/tempdirs')).sort(), ['lock-a', 'temp-dir-a']);
  } finally {
    await unmount(target, MNT_DETACH);
  }
  await reopen();
  assert.ok(!existsSync(inGraph('overlay/tempdirs')));
});

test('closing does not wait for a tool that holds a lock', async () => {
  const own = await world.openAnother();
  const fd = openSync(inGraph('overlay-images/images.lock'), 'r+');
  try {
    assert.ok(tryLockFile(fd, 'write'));
    const naming = own.images.addNames('ab'.repeat(32), ['localhost/x:1']);
    await Promise.all([own.close(), assert.rejects(naming, /the store is being closed/)]);
  } finally {
    closeSync(fd);
  }
});

test('closing the store deletes what was staged and leaves no descriptor open', async () => {
  const own = await world.openAnother();
  const layer = testLayer(tarArchive([{ name: 'x', content: Buffer.from('x') }]));
  await own.layers.stageLayer(sourceOf(layer), limits, AbortSignal.timeout(patienceMs));
  assert.equal(readdirSync(inGraph('overlay/tempdirs')).length, 2);
  await own.close();
  assert.ok(!existsSync(inGraph('overlay/tempdirs')));
  const open = execFileSync('ls', ['-l', `/proc/${process.pid}/fd`], { encoding: 'utf8' });
  assert.ok(!open.includes(world.graphRoot), open);
});

test('usage counts the layers’ bytes and files', async () => {
  const { usedBytes, inodesUsed, mountpoint } = await world.store.images.usage();
  assert.equal(mountpoint, world.graphRoot);
  assert.ok(usedBytes > 1024 && inodesUsed >= 2, `${usedBytes} ${inodesUsed}`);
});

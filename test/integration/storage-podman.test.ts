// The store beside podman and skopeo: what one writes the others read, use and respect.

import assert from 'node:assert/strict';
import { existsSync, lstatSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openWorld, storeImage, type TestLayer, testLayer, type World } from './storage-world.ts';

let world: World;
let layers: TestLayer[];

const baseTree = `
  mkdir -p bin etc opt/old tmp; chmod 1777 tmp
  cp /bin/busybox bin/busybox; ln -s busybox bin/sh; ln -s busybox bin/cat; ln bin/busybox bin/hard
  echo hello > etc/motd; echo gone > etc/gone; echo old > opt/old/file
  touch bin/setuid; chown 1000:1001 bin/setuid; chmod 4755 bin/setuid
  touch "$(printf 'bytes-\\377')"; mkfifo tmp/fifo
  long=$(printf '%0100d' 7); mkdir -p deep/$long; echo x > deep/$long/$long
  setcap cap_net_raw+ep bin/setuid 2>/dev/null || true`;
const topTree = `
  mkdir -p etc opt/old; touch etc/.wh.gone opt/old/.wh..wh..opq; echo new > opt/old/new; echo two > etc/two`;

before(async () => {
  world = await openWorld();
  layers = [
    testLayer(world.tarOf(baseTree, '--format=pax', '--xattrs')),
    testLayer(world.tarOf(topTree, '--format=gnu')),
  ];
});
after(() => world.close());

test('podman lists, mounts and runs an image that we stored', async () => {
  const image = await storeImage(world.store, layers, 'localhost/ours:v1');
  assert.match(world.podman('images', '--no-trunc'), new RegExp(`localhost/ours +v1 +sha256:${image.id}`));
  const mounted = world.podman('image', 'mount', image.id).trim();
  assert.equal(readFileSync(join(mounted, 'etc/motd'), 'utf8'), 'hello\n');
  assert.ok(!existsSync(join(mounted, 'etc/gone')));
  assert.ok(!existsSync(join(mounted, 'opt/old/file')));
  assert.equal(readFileSync(join(mounted, 'opt/old/new'), 'utf8'), 'new\n');
  assert.equal(readlinkSync(join(mounted, 'bin/sh')), 'busybox');
  const setuid = statSync(join(mounted, 'bin/setuid'));
  assert.deepEqual([setuid.mode & 0o7777, setuid.uid, setuid.gid], [0o4755, 1000, 1001]);
  assert.equal(statSync(join(mounted, 'bin/hard')).ino, statSync(join(mounted, 'bin/busybox')).ino);
  assert.ok(lstatSync(Buffer.from(`${mounted}/bytes-\xff`, 'latin1')).isFile());
  world.podman('image', 'umount', image.id);
  const flags = ['--runtime', 'runc', 'run', '--rm', '--network=none'];
  const ulimits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
  assert.equal(world.podman(...flags, ...ulimits, 'localhost/ours:v1', 'cat', '/etc/motd'), 'hello\n');
});

test('skopeo makes the original tars again from our tar-split', () => {
  const out = join(world.directory, 'oci');
  world.skopeo('copy', '--dest-compress=false', world.storageName('localhost/ours:v1'), `oci:${out}:x`);
  const index = JSON.parse(readFileSync(join(out, 'index.json'), 'utf8'));
  const blob = (digest: string): Buffer => readFileSync(join(out, 'blobs/sha256', digest.slice(7)));
  const manifest = JSON.parse(blob(index.manifests[0].digest).toString());
  const config = JSON.parse(blob(manifest.config.digest).toString());
  assert.deepEqual(
    config.rootfs.diff_ids,
    layers.map((layer) => layer.diffId),
  );
});

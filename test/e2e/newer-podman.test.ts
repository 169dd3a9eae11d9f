// podman and containers-storage of a later Debian, which can check a whole store, find nothing wrong in one that the
// daemon has filled, while its containers run and after; and they list and run its images.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type TarItem, tarArchive } from '../fixtures/tar-builder.ts';
import { attempt, type Outcome } from '../harness/command.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { findStaticBusybox } from '../harness/images.ts';
import { type Compression, type WrittenImage, writeOciLayout } from '../harness/oci-layout.ts';
import { Podman } from '../harness/podman.ts';
import { createContainer, removeAllPods, runPod } from '../harness/pods.ts';
import { TestRegistry } from '../harness/registry.ts';
import { missing } from '../harness/requirements.ts';

const programs = ['newer-podman', 'newer-containers-storage'];
const content = Buffer.from('content');
const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex').toString('latin1');

function busyboxLayer(): Buffer {
  const busybox = readFileSync(findStaticBusybox() ?? '');
  return tarArchive([
    { name: './bin/', type: '5', mode: 0o755 },
    { name: './bin/busybox', content: busybox, mode: 0o4755 },
    { name: './bin/cat', type: '1', linkName: './bin/busybox', mode: 0o4755 },
    { name: './bin/sleep', type: '2', linkName: 'busybox', mode: 0o777 },
  ]);
}

const times = { mtime: '1234567890.123456789' };
const toFile = { type: '1', mode: 0o6711, uid: 77, pax: times };

/** What is valid in a layer and seldom seen: every kind of entry, odd names, modes, owners, times and attributes. */
const oddLayer: readonly TarItem[] = [
  { name: 'dir/', type: '5', mode: 0o1777, uid: 12_345 },
  { name: 'dir/file', content, mode: 0o6711, uid: 77, pax: times },
  { ...toFile, name: 'dir/linked', linkName: 'dir/file' },
  { ...toFile, name: 'link', linkName: 'dir/linked' },
  { name: 'attributes', content, pax: { 'SCHILY.xattr.user.test': 'x=\ny' } },
  { name: 'capable', content, mode: 0o755, pax: { 'SCHILY.xattr.security.capability': capability } },
  { name: 'fifo', type: '6' },
  { name: 'zero', type: '3', device: [1, 5], mode: 0o666 },
  { name: 'symlink', type: '2', linkName: '../../nowhere', mode: 0o777 },
  { name: 'no-mode', content, mode: 0 },
  { name: 'long', type: '5', pax: { path: `dir/${'n'.repeat(200)}/` } },
  { name: 'long', content, pax: { path: `dir/${'n'.repeat(200)}/${'m'.repeat(200)}` } },
  { name: 'dir/before-1970', content, pax: { mtime: '-5.5' } },
  { name: 'replaced', content },
  { name: 'gone', content },
  { name: 'opaque/', type: '5', mode: 0o750 },
  { name: 'opaque/below', content },
];

/** Valid too, but its check takes them for damage, whoever has unpacked them. */
const misread: readonly TarItem[] = [
  { name: 'dir/', type: '5', mode: 0o755 },
  { name: 'dir/file', content, pax: times },
  { name: 'time', type: '1', linkName: 'dir/file' },
  { name: 'absolute', type: '1', linkName: '/dir/file', pax: times },
  { name: 'missing/parents/file', content },
];

const changes: readonly TarItem[] = [
  { name: '.wh.gone' },
  { name: 'dir/.wh.linked' },
  { name: 'opaque/', type: '5', mode: 0o755 },
  { name: 'opaque/.wh..wh..opq' },
  { name: 'opaque/new', content },
  { name: 'replaced/', type: '5', mode: 0o755 },
  { name: 'replaced/file', content },
  { name: '.wh.never-there' },
  { name: 'dir/', type: '5', mode: 0o700 },
];

describe('a newer podman on the store of the daemon', {
  skip: missing('runc', 'podman', 'skopeo', 'docker-registry', 'zstd', ...programs),
}, () => {
  let registry: TestRegistry;
  let daemon: TestDaemon;
  let podman: Podman;
  const images = new Map<string, WrittenImage>();

  before(async () => {
    registry = await TestRegistry.start();
    daemon = new TestDaemon({ registries: registry.registriesConf });
    podman = new Podman(daemon, 'newer-podman');
    await daemon.start();
  });
  after(async () => {
    await daemon?.destroy();
    await registry?.stop();
  });

  /** Of many layers; each compression has its own, so that none is there already. */
  function writeImage(name: string, compression: Compression): string {
    const layout = join(daemon.root, `layout-${name}`);
    const own = Array.from({ length: 12 }, (_, at) =>
      tarArchive([{ name: `${compression}-${at}`, content: Buffer.from(`${at}`) }]),
    );
    const layers = [
      busyboxLayer(),
      tarArchive([...oddLayer, { name, content }]),
      tarArchive(changes),
      ...own,
    ];
    const image = writeOciLayout(layout, {
      name,
      layers,
      compression,
      config: { Cmd: ['/bin/cat', '/link'] },
    });
    images.set(name.startsWith('loaded') ? `localhost/${name}:odd` : `${registry.host}/${name}:odd`, image);
    return layout;
  }

  /** What its library finds in a store; an unreferenced layer is a finding, however young. */
  function check(graphRoot: string, runRoot: string): Promise<Outcome> {
    const store = ['--graph', graphRoot, '--run', runRoot, '--storage-driver', 'overlay'];
    return attempt(['newer-containers-storage', 'check', '--max', '1ms', ...store]);
  }

  /** No words and the exit code 0 are how they say that nothing is wrong. */
  async function assertNothingFound(when: string): Promise<void> {
    const { storageRoot, storageRunRoot } = daemon.paths;
    const nothing = { exitCode: 0, stdout: '', stderr: '' };
    assert.deepEqual(await check(storageRoot, storageRunRoot), nothing, when);
    assert.equal(await podman.run('system', 'check', '--max', '1ms'), '', when);
  }

  async function start(image: string): Promise<string> {
    const pod = daemon.pod('checked');
    const podId = await runPod(daemon.client, pod);
    const request = { name: 'main', image, command: ['/bin/sleep', '1000'] };
    const containerId = await createContainer(daemon.client, podId, pod, request);
    await daemon.client.runtime('StartContainer', { containerId });
    return containerId;
  }

  test('finds nothing after pulls and loads of odd layers', async () => {
    for (const compression of ['gzip', 'zstd', 'none'] as const) {
      const name = `loaded-${compression}`;
      await daemon.cria('image', 'load', '--name', `localhost/${name}:odd`, writeImage(name, compression));
    }
    for (const compression of ['gzip', 'zstd'] as const) {
      const name = `pulled-${compression}`;
      const pushed = await registry.push(writeImage(name, compression), name, 'odd');
      await daemon.client.image('PullImage', { image: { image: pushed } });
    }
    await assertNothingFound('after pulls and loads');
  });

  test('lists every image, and runs it', async () => {
    const listing = await podman.run('images', '--no-trunc', '--format', '{{.ID}} {{.Names}}');
    for (const [name, { id }] of images) {
      const line = listing.split('\n').find((each) => each.startsWith(`sha256:${id} `));
      assert.ok(line?.includes(name), `${name} is not in ${listing}`);
      const flags = ['--rm', '--network', 'none', '--pull', 'never'];
      assert.equal(await podman.run('run', ...flags, id), 'content');
    }
    await assertNothingFound('after its own containers');
  });

  test('finds nothing while a container runs that has written, nor after its removal', async () => {
    for (const name of images.keys()) {
      const containerId = await start(name);
      const script = ['/bin/busybox', 'sh', '-c', 'echo new >/dir/new; /bin/busybox rm /link /opaque/new'];
      const written = await daemon.client.runtime('ExecSync', { containerId, cmd: script });
      assert.equal(written.exitCode, 0, `${written.stderr}`);
      await assertNothingFound(`${name} runs`);
      await removeAllPods(daemon.client);
      await assertNothingFound(`${name} was run`);
    }
  });

  test('of what its check misreads it says the same in a store that it has filled itself', async () => {
    const layout = join(daemon.root, 'layout-misread');
    const layers = [tarArchive(misread)];
    const { id } = writeOciLayout(layout, { name: 'misread', layers, config: {} });
    const own = { storageRoot: join(daemon.root, 'own'), storageRunRoot: join(daemon.root, 'own-run') };
    await new Podman(daemon, 'newer-podman', own).run('pull', '--quiet', `oci:${layout}`);
    await daemon.cria('image', 'load', '--name', 'localhost/misread:odd', layout);
    const [theirs, ours] = await Promise.all(
      [own, daemon.paths].map(async ({ storageRoot, storageRunRoot }) => {
        const { stdout } = await check(storageRoot, storageRunRoot);
        // a directory that no entry names has the time of its making
        return stdout
          .replaceAll(/￫0x[0-9a-f]+/g, '￫now')
          .split('\n')
          .sort();
      }),
    );
    assert.ok(
      theirs?.some((line) => line.includes('/missing/parents')),
      `${theirs}`,
    );
    assert.deepEqual(ours, theirs);
    await daemon.client.image('RemoveImage', { image: { image: id } });
  });

  test('a damaged file is found: the check does look', async () => {
    const { storageRoot } = daemon.paths;
    const layers = readdirSync(join(storageRoot, 'overlay')).filter((entry) => entry.length === 64);
    const damaged = layers
      .map((layer) => join(storageRoot, 'overlay', layer, 'diff/attributes'))
      .find(existsSync);
    writeFileSync(damaged ?? '', 'damaged');
    await assert.rejects(assertNothingFound('damaged'), /file integrity checksum failed for "attributes"/);
    assert.equal((await daemon.tryCria('check')).exitCode, 1);
  });

  test('has nothing to find when the last image is removed', async () => {
    for (const { id } of images.values()) await daemon.client.image('RemoveImage', { image: { image: id } });
    await assertNothingFound('empty');
    assert.equal(await podman.run('images', '--quiet'), '');
  });
});

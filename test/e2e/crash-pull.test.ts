// The daemon dies by SIGKILL at many points of a pull. The next one lists only images that are whole and run, podman
// agrees, nothing of the half pull is left, and the pull can be done again.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestDaemon } from '../harness/daemon.ts';
import { findStaticBusybox } from '../harness/images.ts';
import { sweep } from '../harness/long-tests.ts';
import { diffIdsOf, type WrittenImage, writeOciLayout } from '../harness/oci-layout.ts';
import { Podman } from '../harness/podman.ts';
import { createContainer, removeAllPods, runPod, waitForExit } from '../harness/pods.ts';
import { TestRegistry } from '../harness/registry.ts';
import { missing } from '../harness/requirements.ts';

/** From the first request to after the last record: the pull takes half a second where this was written. */
const killDelaysMs = [
  2, 10, 20, 35, 50, 70, 90, 110, 130, 150, 175, 200, 230, 260, 300, 340, 380, 420, 470, 520, 600, 700,
];

describe('a daemon that is killed during a pull', {
  skip: missing('runc', 'podman', 'skopeo', 'docker-registry'),
}, () => {
  let registry: TestRegistry;
  let daemon: TestDaemon;
  let podman: Podman;
  let image: WrittenImage;
  let name = '';

  before(async () => {
    registry = await TestRegistry.start();
    daemon = new TestDaemon({ registries: registry.registriesConf });
    podman = new Podman(daemon);
    const layers = ['base', 'one', 'two', 'three'].map((part) =>
      fillLayer(join(daemon.root, `tree-${part}`), part),
    );
    const layout = join(daemon.root, 'layout');
    image = writeOciLayout(layout, { name: 'big', layers, config: { Cmd: ['/bin/true'] } });
    name = await registry.push(layout, 'big', 'crash');
    await daemon.start();
  });
  after(async () => {
    await daemon?.destroy();
    await registry?.stop();
  });

  function fillLayer(tree: string, part: string): string {
    mkdirSync(join(tree, 'bin'), { recursive: true });
    if (part === 'base') {
      copyFileSync(findStaticBusybox() ?? '', join(tree, 'bin/busybox'));
      symlinkSync('busybox', join(tree, 'bin/true'));
      return tree;
    }
    for (let at = 0; at < 200; at += 1) writeFileSync(join(tree, `${part}-${at}`), randomBytes(40_000));
    return tree;
  }

  async function listed(): Promise<boolean> {
    const { images } = await daemon.client.image('ListImages', {});
    return images.some(({ id }) => id === image.id);
  }

  async function assertWhole(what: string): Promise<void> {
    const check = JSON.parse(await daemon.cria('check', '--full', '--json')) as { findings: unknown[] };
    assert.deepEqual(check.findings, [], what);
    const graph = daemon.paths.storageRoot;
    assert.equal(existsSync(join(graph, 'overlay/tempdirs')), false, what);
    const list = join(graph, 'overlay-layers/layers.json');
    const records = JSON.parse(existsSync(list) ? readFileSync(list, 'utf8') : '[]') as { id: string }[];
    const directories = readdirSync(join(graph, 'overlay')).filter((entry) => entry.length === 64);
    assert.deepEqual(directories.sort(), records.map(({ id }) => id).sort(), what);
    const isListed = await listed();
    assert.equal(
      records.length,
      isListed ? image.diffIds.length : 0,
      `${what}: layers of the half pull are left`,
    );
    const theirs = await podman.run('images', '--no-trunc', '--quiet');
    assert.equal(theirs.includes(image.id), isListed, `${what}: podman disagrees`);
  }

  async function assertRuns(): Promise<void> {
    const pod = daemon.pod('after-crash');
    const podId = await runPod(daemon.client, pod);
    const containerId = await createContainer(daemon.client, podId, pod, {
      name: 'main',
      image: name,
      command: ['/bin/true'],
    });
    await daemon.client.runtime('StartContainer', { containerId });
    assert.equal(await waitForExit(daemon.client, containerId), 0);
    await removeAllPods(daemon.client);
  }

  test('lists what is whole, leaves nothing of the rest, and pulls again', async () => {
    for (const delayMs of sweep(killDelaysMs, 2)) {
      const pulling = daemon.client.image('PullImage', { image: { image: name } }).catch(() => {});
      await sleep(delayMs);
      await daemon.kill();
      await pulling;
      await daemon.start();
      await assertWhole(`killed after ${delayMs} ms`);
      if (await listed()) {
        await assertRuns();
        await daemon.client.image('RemoveImage', { image: { image: image.id } });
      }
    }
    await daemon.client.image('PullImage', { image: { image: name } });
    await assertWhole('pulled again');
    await assertRuns();
    const layout = join(daemon.root, 'exported');
    await podman.export(name, layout);
    assert.deepEqual(diffIdsOf(layout), image.diffIds);
  });

  test('damage is told by `cria check`, repaired by it, and pulled again', async () => {
    const layers = join(daemon.paths.storageRoot, 'overlay-layers/layers.json');
    const records = JSON.parse(readFileSync(layers, 'utf8')) as { id: string; 'diff-digest': string }[];
    const top = records.find((record) => record['diff-digest'] === image.diffIds.at(-1))?.id ?? '';
    writeFileSync(join(daemon.paths.storageRoot, 'overlay', top, 'diff/three-7'), 'damaged');
    assert.equal((await daemon.tryCria('check', '--quick')).exitCode, 0);
    const told = await daemon.tryCria('check');
    assert.equal(told.exitCode, 1);
    assert.match(
      told.stdout,
      new RegExp(`layer "${top}" has file "three-7", which has 7 bytes instead of 40000`),
    );
    const repaired = await daemon.tryCria('check', '-r');
    assert.equal(repaired.exitCode, 0, repaired.stdout + repaired.stderr);
    assert.match(repaired.stdout, new RegExp(`removed image "${image.id}"`));
    assert.equal(await listed(), false);
    await daemon.client.image('PullImage', { image: { image: name } });
    await assertWhole('repaired and pulled again');
  });
});

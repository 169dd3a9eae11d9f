// Images that lie: each is refused with its reason, and nothing of it stays in the store.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { TestDaemon } from '../harness/daemon.ts';
import { digestOf, writeOciLayout } from '../harness/oci-layout.ts';
import { createContainer, runPod } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';

interface Manifest {
  config: { digest: string; size: number };
  layers: { digest: string; size: number }[];
}

interface Config {
  config: { Cmd?: string[] };
  rootfs: { diff_ids: string[] };
}

/** An OCI layout that is taken apart, changed and put together again with digests that are right or wrong on purpose. */
class Layout {
  readonly path: string;
  manifest: Manifest;
  config: Config;

  constructor(path: string) {
    this.path = path;
    const index = JSON.parse(this.#read('index.json'));
    this.manifest = JSON.parse(this.#read(this.#blob(index.manifests[0].digest)));
    this.config = JSON.parse(this.#read(this.#blob(this.manifest.config.digest)));
  }

  #blob(digest: string): string {
    return `blobs/${digest.replace(':', '/')}`;
  }

  #read(name: string): string {
    return readFileSync(join(this.path, name), 'utf8');
  }

  write(bytes: Uint8Array, digest = digestOf(bytes)): { digest: string; size: number } {
    writeFileSync(join(this.path, this.#blob(digest)), bytes);
    return { digest, size: bytes.length };
  }

  /** Replaces the only layer by this tar, with all digests right. */
  setLayer(tar: Uint8Array): void {
    Object.assign(this.manifest.layers[0] ?? {}, this.write(gzipSync(tar)));
    this.config.rootfs.diff_ids = [digestOf(tar)];
  }

  finish(): void {
    Object.assign(this.manifest.config, this.write(Buffer.from(JSON.stringify(this.config))));
    const manifest = this.write(Buffer.from(JSON.stringify(this.manifest)));
    const index = JSON.parse(this.#read('index.json'));
    Object.assign(index.manifests[0], manifest);
    writeFileSync(join(this.path, 'index.json'), JSON.stringify(index));
  }
}

function tarWith(directory: string, ...args: readonly string[]): Buffer {
  return execFileSync('tar', ['-C', directory, '-P', '-cf', '-', ...args]);
}

describe('an image that cannot be trusted', { skip: missing('runc') }, () => {
  let daemon: TestDaemon;
  let good: string;
  let number = 0;

  before(async () => {
    daemon = new TestDaemon();
    const files = `${daemon.root}/files`;
    mkdirSync(files);
    writeFileSync(join(files, 'data'), 'content of a layer');
    good = `${daemon.root}/good`;
    writeOciLayout(good, { name: 'good', layers: [files], config: { Cmd: ['/data'] } });
    await daemon.start();
  });

  after(() => daemon?.destroy());

  function copyOfGood(): Layout {
    number += 1;
    const path = `${daemon.root}/bad-${number}`;
    cpSync(good, path, { recursive: true });
    return new Layout(path);
  }

  /** Loads the layout, expects a refusal that says why, and nothing in the store afterwards. */
  async function assertRefused(layout: Layout, reason: RegExp): Promise<void> {
    const name = `localhost/bad:${number}`;
    const { exitCode, stdout, stderr } = await daemon.attempt('image', 'load', '--name', name, layout.path);
    assert.notEqual(exitCode, 0, `it was stored: ${stdout}`);
    assert.match(stderr, reason);
    const { images } = await daemon.client.image('ListImages', {});
    assert.deepEqual(images, []);
    const overlay = join(daemon.paths.storageRoot, 'overlay');
    const layers = existsSync(overlay)
      ? readdirSync(overlay).filter((entry) => /^[0-9a-f]{64}$/.test(entry))
      : [];
    assert.deepEqual(layers, []);
  }

  test('a layer whose bytes do not match its digest is refused', async () => {
    const layout = copyOfGood();
    const { digest = '' } = layout.manifest.layers[0] ?? {};
    const other = gzipSync(tarWith(`${daemon.root}/files`, './data'));
    layout.write(other, digest);
    Object.assign(layout.manifest.layers[0] ?? {}, { size: other.length });
    layout.finish();
    await assertRefused(layout, /digest/i);
  });

  test('a layer whose content does not match its diffID is refused', async () => {
    const layout = copyOfGood();
    layout.config.rootfs.diff_ids = [`sha256:${'0'.repeat(64)}`];
    layout.finish();
    await assertRefused(layout, /unpacks to a tar of digest/);
  });

  test('a config with more layers than the manifest is refused', async () => {
    const layout = copyOfGood();
    layout.config.rootfs.diff_ids.push(`sha256:${'1'.repeat(64)}`);
    layout.finish();
    await assertRefused(layout, /layer|diff/i);
  });

  test('a layer that is cut off is refused', async () => {
    const layout = copyOfGood();
    const tar = tarWith(`${daemon.root}/files`, '.');
    layout.setLayer(tar.subarray(0, 700));
    layout.finish();
    await assertRefused(layout, /.+/);
  });

  test('a blob that is missing is refused', async () => {
    const layout = copyOfGood();
    Object.assign(layout.manifest.layers[0] ?? {}, { digest: `sha256:${'2'.repeat(64)}` });
    layout.finish();
    await assertRefused(layout, /2222|no such|not found/i);
  });

  test('an entry that climbs out with .. or through a link writes nothing outside', async () => {
    const layout = copyOfGood();
    const outside = `${daemon.root}/outside`;
    mkdirSync(outside);
    const climb = ['--transform', `s,^data$,../../../../../../../../..${outside}/climbed,`, 'data'];
    layout.setLayer(tarWith(`${daemon.root}/files`, ...climb));
    layout.finish();
    await daemon.attempt('image', 'load', '--name', 'localhost/climb:1', layout.path);
    assert.deepEqual(readdirSync(outside), []);
    await daemon.attempt('image', 'remove', 'localhost/climb:1');
  });

  test('a symbolic link of a layer is not followed out of the layer by a later entry', async () => {
    const layout = copyOfGood();
    const files = `${daemon.root}/link-files`;
    const outside = `${daemon.root}/outside-by-link`;
    mkdirSync(join(files, 'dir'), { recursive: true });
    mkdirSync(outside);
    writeFileSync(join(files, 'dir/through'), 'bytes');
    execFileSync('ln', ['-s', outside, join(files, 'link')]);
    const rename = ['--transform', 's,^dir/through$,link/through,', 'link', 'dir/through'];
    layout.setLayer(tarWith(files, ...rename));
    layout.finish();
    await daemon.attempt('image', 'load', '--name', 'localhost/link:1', layout.path);
    assert.deepEqual(readdirSync(outside), []);
    assert.ok(lstatSync(outside).isDirectory());
    await daemon.attempt('image', 'remove', 'localhost/link:1');
  });

  test('an image that is not there fails a container with its name', async () => {
    const pod = daemon.pod('no-image');
    const podId = await runPod(daemon.client, pod);
    const container = { name: 'none', image: 'localhost/never-stored:1' };
    await assert.rejects(createContainer(daemon.client, podId, pod, container), /never-stored/);
  });
});

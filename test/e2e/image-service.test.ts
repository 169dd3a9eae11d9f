// The image service of a running daemon, by what the kubelet reads of it.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TestDaemon } from '../harness/daemon.ts';
import { freePort } from '../harness/host-network.ts';
import { buildBusyboxImage, findStaticBusybox } from '../harness/images.ts';
import { createContainer, runPod } from '../harness/pods.ts';
import { TestRegistry } from '../harness/registry.ts';
import { missing } from '../harness/requirements.ts';

const skip = missing('runc', 'skopeo', 'docker-registry');
const notFound = 5;
const failedPrecondition = 9;

describe('the image service', { skip }, () => {
  let daemon: TestDaemon;
  let registry: TestRegistry;
  let other: TestRegistry;
  let id: string;
  let tag: string;
  let second: string;
  let metricsPort: number;

  before(async () => {
    [registry, other] = await Promise.all([TestRegistry.start(), TestRegistry.start()]);
    metricsPort = await freePort();
    const insecure = [registry, other].map(
      ({ host }) => `[[registry]]\nlocation = "${host}"\ninsecure = true\n`,
    );
    daemon = new TestDaemon({
      registries: insecure.join(''),
      extraToml: `[crio.metrics]\nenable_metrics = true\nmetrics_port = ${metricsPort}\n`,
    });
    const layout = join(daemon.root, 'layout');
    ({ id } = buildBusyboxImage(layout, 'localhost/busybox:1', findStaticBusybox() ?? ''));
    tag = await registry.push(layout, 'team/app', 'v1');
    second = await other.push(layout, 'mirror/app', 'v1');
    await daemon.start();
  });

  after(async () => {
    await daemon?.destroy();
    await Promise.all([registry?.stop(), other?.stop()]);
  });

  const pull = async (image: string): Promise<string> =>
    (await daemon.client.image('PullImage', { image: { image } })).imageRef;
  const status = async (image: string) =>
    (await daemon.client.image('ImageStatus', { image: { image } })).image;
  const remove = (image: string) => daemon.client.image('RemoveImage', { image: { image } });

  test('one image of two registries is one, by its id, by each tag and each digest', async () => {
    assert.equal(await pull(tag), id);
    assert.equal(await pull(second), id);
    const image = await status(id);
    assert.deepEqual(image?.repoTags, [second, tag].sort());
    assert.equal(image?.repoDigests.length, 2);
    for (const name of [...(image?.repoTags ?? []), ...(image?.repoDigests ?? [])]) {
      assert.deepEqual(await status(name), image);
    }
    const { images } = await daemon.client.image('ListImages', {});
    assert.deepEqual(images, [image]);
    await Promise.all(Array.from({ length: 5 }, () => remove(second)));
    for (const name of [id, tag, second]) assert.equal(await status(name), null);
    await remove(id); // absent is success
  });

  test('each way to name an image removes it', async () => {
    await pull(tag);
    const digest = (await status(id))?.repoDigests[0] ?? '';
    for (const name of [id, tag, digest, id.slice(0, 12)]) {
      await pull(tag);
      await remove(name);
      assert.equal(await status(id), null, `after removing ${name}`);
    }
  });

  test('an image in use stays, and says who uses it', async () => {
    await pull(tag);
    const pod = daemon.pod('user');
    mkdirSync(pod.logDirectory, { recursive: true });
    const podId = await runPod(daemon.client, pod);
    const containerId = await createContainer(daemon.client, podId, pod, { name: 'c', image: id });
    await assert.rejects(remove(tag), (error: Error & { code?: number }) => {
      assert.equal(error.code, failedPrecondition);
      assert.match(error.message, new RegExp(`in use by container "${containerId}"`));
      return true;
    });
    const { containers } = await daemon.client.runtime('ListContainers', {});
    assert.equal(containers[0]?.imageId, id);
    assert.deepEqual(await daemon.client.readRuntime('StreamContainers', {}), [{ containers }]);
    const { items } = await daemon.client.runtime('ListPodSandbox', {});
    assert.deepEqual(await daemon.client.readRuntime('StreamPodSandboxes', {}), [{ podSandboxes: items }]);
    const filter = { id: 'f'.repeat(64) };
    assert.deepEqual(await daemon.client.readRuntime('StreamContainers', { filter }), []);
    await daemon.client.runtime('StopPodSandbox', { podSandboxId: podId });
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId: podId });
    await remove(tag);
  });

  test('StreamImages has the images of ListImages', async () => {
    assert.deepEqual(await daemon.client.readImage('StreamImages', {}), []);
    await pull(tag);
    const { images } = await daemon.client.image('ListImages', {});
    assert.deepEqual(await daemon.client.readImage('StreamImages', {}), [{ images }]);
    const filter = { image: { image: 'localhost/none:1' } };
    assert.deepEqual(await daemon.client.readImage('StreamImages', { filter }), []);
  });

  test('verbose status has labels and the image spec; ImageFsInfo has both file systems', async () => {
    await pull(tag);
    const { info } = await daemon.client.image('ImageStatus', { image: { image: tag }, verbose: true });
    const { labels, imageSpec } = JSON.parse(info['info'] ?? '');
    assert.deepEqual(labels, {});
    assert.deepEqual(imageSpec.config.Cmd, ['sh']);
    const usage = await daemon.client.image('ImageFsInfo', {});
    const { imageFilesystems: images, containerFilesystems: containers } = usage;
    assert.deepEqual([images.length, containers.length], [1, 1]);
    assert.equal(images[0]?.fsId?.mountpoint, daemon.paths.storageRoot);
    assert.ok(Number(images[0]?.usedBytes?.value) > 500_000);
    assert.deepEqual(images, containers);
    assert.ok(statfsSync(images[0]?.fsId?.mountpoint ?? '').blocks > 0);
  });

  test('pulls are in the log and in the metrics', async () => {
    await remove(tag);
    await pull(tag);
    await assert.rejects(pull(`${registry.host}/team/app:none`), { code: notFound });
    const log = readFileSync(daemon.logFile, 'utf8');
    assert.match(log, /msg="pulling image" image="?\S+team\/app:v1/);
    assert.match(log, /msg="pulled image" .*receivedBytes=\d+ .*seconds=[0-9.]+ .*layers=1 .*layersReused=0/);
    assert.match(log, /msg="image was not pulled" .*manifest \\?"none/);
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    const value = (name: string): number =>
      Number(new RegExp(`^container_runtime_crio_${name}(\\{[^}]*\\})? (\\d+)$`, 'm').exec(text)?.[2]);
    assert.ok(value('image_pulls_success_total') >= 4);
    assert.equal(value('image_pulls_failure_total'), 1);
    assert.ok(value('image_pulls_bytes_total') > 500_000);
    assert.ok(value('image_pulls_layer_size_count') >= 4);
    assert.ok(value('image_layer_reuse_total') >= 1);
    assert.match(text, /image_pulls_failure_total\{error="NOT_FOUND"\} 1/);
  });
});

test('with imagestore the kubelet is told of two file systems', { skip }, async () => {
  const imageStore = mkdtempSync('/var/tmp/cria-imagestore-');
  const daemon = new TestDaemon();
  try {
    const text = readFileSync(daemon.paths.configFile, 'utf8');
    writeFileSync(
      daemon.paths.configFile,
      text.replace('[crio]\n', `[crio]\nimagestore = "${imageStore}"\n`),
    );
    await daemon.start();
    const image = await daemon.loadBusybox();
    const pod = daemon.pod('split');
    mkdirSync(pod.logDirectory, { recursive: true });
    const podId = await runPod(daemon.client, pod);
    await createContainer(daemon.client, podId, pod, { name: 'c', image });
    const usage = await daemon.client.image('ImageFsInfo', {});
    const [images] = usage.imageFilesystems;
    const [containers] = usage.containerFilesystems;
    assert.equal(images?.fsId?.mountpoint, imageStore);
    assert.equal(containers?.fsId?.mountpoint, daemon.paths.storageRoot);
    assert.ok(Number(images?.usedBytes?.value) > 500_000);
    assert.ok(Number(containers?.inodesUsed?.value) > 0);
    assert.notEqual(containers?.usedBytes?.value, images?.usedBytes?.value);
  } finally {
    await daemon.destroy();
    rmSync(imageStore, { recursive: true, force: true });
  }
});

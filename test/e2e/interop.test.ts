// One image store for the daemon, podman and skopeo: what one stores, the others list, run and copy.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestDaemon } from '../harness/daemon.ts';
import { buildBusyboxImage, buildNginxImage, findStaticBusybox } from '../harness/images.ts';
import { diffIdsOf, type WrittenImage } from '../harness/oci-layout.ts';
import { Podman } from '../harness/podman.ts';
import { createContainer, readContainerLog, removeAllPods, runPod, waitForExit } from '../harness/pods.ts';
import { TestRegistry } from '../harness/registry.ts';
import { missing } from '../harness/requirements.ts';

const tools = ['runc', 'podman', 'conmon', 'skopeo', 'docker-registry', 'nginx'];

describe('the image store', { skip: missing(...tools) }, () => {
  let registry: TestRegistry;
  let daemon: TestDaemon;
  let podman: Podman;
  let busybox: WrittenImage;
  let nginx: WrittenImage;
  let busyboxName: string;
  let nginxName: string;

  before(async () => {
    registry = await TestRegistry.start();
    daemon = new TestDaemon({ registries: registry.registriesConf });
    const program = findStaticBusybox() ?? '';
    const layout = (name: string) => `${daemon.root}/${name}-layout`;
    busybox = buildBusyboxImage(layout('busybox'), 'busybox', program);
    nginx = buildNginxImage(layout('nginx'), 'nginx', program);
    busyboxName = await registry.push(layout('busybox'), 'busybox', 'interop');
    nginxName = await registry.push(layout('nginx'), 'nginx', 'interop');
    podman = new Podman(daemon);
    await daemon.start();
  });

  after(async () => {
    await daemon?.destroy();
    await registry?.stop();
  });

  test('podman lists and runs an image that the daemon pulled', async () => {
    const { imageRef } = await daemon.client.image('PullImage', { image: { image: busyboxName } });
    assert.equal(imageRef, busybox.id);
    const listing = await podman.run('images', '--no-trunc', '--format', '{{.ID}} {{.Repository}}:{{.Tag}}');
    assert.ok(listing.split('\n').includes(`sha256:${busybox.id} ${busyboxName}`), listing);
    const flags = ['--rm', '--network', 'none', '--pull', 'never'];
    assert.equal(await podman.run('run', ...flags, busyboxName, 'echo', 'run by podman'), 'run by podman');
  });

  test('skopeo copies an image out of the store with its original layers', async () => {
    const layout = `${daemon.root}/exported`;
    await podman.export(busyboxName, layout);
    assert.deepEqual(diffIdsOf(layout), busybox.diffIds);
  });

  test('an image that podman pulled is listed and runs', async () => {
    await podman.run('pull', '--quiet', '--tls-verify=false', nginxName);
    const { image } = await daemon.client.image('ImageStatus', { image: { image: nginxName } });
    assert.equal(image?.id, nginx.id);
    assert.deepEqual(image?.repoTags, [nginxName]);
    const pod = daemon.pod('from-podman');
    const podId = await runPod(daemon.client, pod);
    const container = { name: 'version', image: nginxName, command: ['/usr/sbin/nginx', '-v'] };
    const containerId = await createContainer(daemon.client, podId, pod, container);
    await daemon.client.runtime('StartContainer', { containerId });
    assert.equal(await waitForExit(daemon.client, containerId), 0);
    assert.match(readContainerLog(pod, 'version')[0]?.text ?? '', /^nginx version/);
    await removeAllPods(daemon.client);
  });

  test('an image that the daemon removed is gone for podman, and the other way round', async () => {
    await daemon.client.image('RemoveImage', { image: { image: busyboxName } });
    assert.ok(!(await podman.run('images', '--no-trunc', '--quiet')).includes(busybox.id));
    await podman.run('rmi', nginxName);
    const { image } = await daemon.client.image('ImageStatus', { image: { image: nginxName } });
    assert.equal(image, null);
  });

  test('SIGHUP reads registries.conf again; a broken one changes nothing', async () => {
    const hangUp = async (registries: string, words: RegExp): Promise<void> => {
      writeFileSync(daemon.paths.registriesConf, registries);
      const seen = daemon.logTail(10_000).length;
      process.kill(daemon.pid, 'SIGHUP');
      while (!words.test(daemon.logTail(10_000).slice(seen))) await sleep(20);
    };
    const pull = () => daemon.client.image('PullImage', { image: { image: busyboxName } });
    await hangUp(`[[registry]]\nlocation = "${registry.host}"\nblocked = true\n`, /reload completed/);
    await assert.rejects(pull(), /is blocked in registries.conf/);
    await hangUp('[[registry]]\n', /unable to reload configuration/);
    await assert.rejects(pull(), /is blocked in registries.conf/);
    await hangUp(registry.registriesConf, /reload completed/);
    await pull();
    await daemon.client.image('RemoveImage', { image: { image: busyboxName } });
  });

  test('the image commands work without the daemon', async () => {
    await daemon.stop();
    await daemon.cria('image', 'pull', busyboxName);
    assert.match(await daemon.cria('image', 'list'), /busybox/);
    assert.ok((await podman.run('images', '--no-trunc', '--quiet')).includes(busybox.id));
    await daemon.cria('image', 'remove', busyboxName);
    assert.ok(!(await podman.run('images', '--no-trunc', '--quiet')).includes(busybox.id));
  });
});

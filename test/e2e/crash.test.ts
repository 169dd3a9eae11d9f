// The daemon dies by SIGKILL in the middle of its work, or finds records that a power loss has torn. The next one starts,
// answers, and can take everything away again.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { command } from '../harness/command.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { createContainer, podConfig, removeAllPods, runPod, waitForExit } from '../harness/pods.ts';
import { mountsBelow, processesOf } from '../harness/proc.ts';
import { missing } from '../harness/requirements.ts';
import { assertWorld, removeCgroups, type World, worldSnapshot } from '../harness/world.ts';

/** From before the first record to after the last: a sandbox takes 40 ms and a container 60 ms where this was written. */
const killDelaysMs = [1, 3, 6, 10, 15, 20, 25, 30, 35, 40, 50, 60, 70, 80, 100, 120];

describe('a daemon that was killed or whose records are torn', { skip: missing('runc') }, () => {
  const daemon = new TestDaemon();
  let image = '';
  let empty: World;

  before(async () => {
    image = await daemon.loadBusybox();
    await daemon.start();
    empty = worldSnapshot(daemon);
  });

  after(() => daemon.destroy());

  beforeEach(() => assertWorld(daemon, empty));

  const sleeping = ['/bin/sleep', '1000'];
  const names = { network: 'POD', pid: 'POD', ipc: 'POD' } as const;

  /** A pod with an infra container: the longest way. */
  async function runSharedPod(name: string): Promise<string> {
    const config = podConfig(daemon.pod(name));
    const shared = { ...config, linux: { ...config.linux, securityContext: { namespaceOptions: names } } };
    const answer = await daemon.client.runtime('RunPodSandbox', { config: shared, runtimeHandler: '' });
    return answer.podSandboxId;
  }

  async function killAfter(delayMs: number, work: Promise<unknown>): Promise<void> {
    const ended = work.catch(() => {}); // the connection breaks
    await sleep(delayMs);
    await daemon.kill();
    await ended;
    await daemon.start();
  }

  test('during RunPodSandbox', async () => {
    for (const delayMs of killDelaysMs) {
      await killAfter(delayMs, runSharedPod('crash'));
      const { items } = await daemon.client.runtime('ListPodSandbox', {});
      assert.ok(items.length <= 1, `${items.length} sandboxes after a kill at ${delayMs} ms`);
      // What the kubelet does: it asks again with the same name.
      const id = await runSharedPod('crash');
      assert.equal(items[0]?.id ?? id, id, `another sandbox of the same name after a kill at ${delayMs} ms`);
      await removeAllPods(daemon.client);
      await assertWorld(daemon, empty);
    }
  });

  test('during CreateContainer and StartContainer', async () => {
    for (const delayMs of killDelaysMs) {
      const pod = daemon.pod('crash');
      const podId = await runPod(daemon.client, pod);
      const request = { name: 'main', image, command: sleeping };
      const work = createContainer(daemon.client, podId, pod, request).then((containerId) =>
        daemon.client.runtime('StartContainer', { containerId }),
      );
      await killAfter(delayMs, work);
      const { containers } = await daemon.client.runtime('ListContainers', {});
      assert.ok(containers.length <= 1, `${containers.length} containers after a kill at ${delayMs} ms`);
      const [found] = containers;
      if (found === undefined || found.state === 'CONTAINER_CREATED') {
        const containerId = await createContainer(daemon.client, podId, pod, request);
        assert.equal(found?.id ?? containerId, containerId);
        await daemon.client.runtime('StartContainer', { containerId });
        const { status } = await daemon.client.runtime('ContainerStatus', { containerId });
        assert.equal(status?.state, 'CONTAINER_RUNNING');
      }
      await removeAllPods(daemon.client);
      await assertWorld(daemon, empty);
    }
  });

  test('during StopPodSandbox and RemovePodSandbox', async () => {
    for (const delayMs of killDelaysMs) {
      const pod = daemon.pod('crash');
      const podSandboxId = await runPod(daemon.client, pod);
      const containerId = await createContainer(daemon.client, podSandboxId, pod, {
        name: 'main',
        image,
        command: sleeping,
      });
      await daemon.client.runtime('StartContainer', { containerId });
      const work = daemon.client
        .runtime('StopPodSandbox', { podSandboxId })
        .then(() => daemon.client.runtime('RemovePodSandbox', { podSandboxId }));
      await killAfter(delayMs, work);
      await removeAllPods(daemon.client);
      await assertWorld(daemon, empty);
    }
  });

  test('with torn records', async () => {
    const { dataDir, runDir } = daemon.paths;
    const tear: readonly ((podId: string, containerId: string) => void)[] = [
      (podId) => truncateSync(`${dataDir}/sandboxes/${podId}/metadata.json`),
      (podId) => writeFileSync(`${runDir}/sandboxes/${podId}/status.json`, '{"version":1,"state":'),
      (_, containerId) => writeFileSync(`${dataDir}/containers/${containerId}/metadata.json`, '\0\0\0\0'),
      (_, containerId) => truncateSync(`${runDir}/containers/${containerId}/status.json`),
    ];
    for (const tearRecords of tear) {
      const healthy = daemon.pod('healthy');
      const healthyId = await runPod(daemon.client, healthy);
      const pod = daemon.pod('torn');
      const podId = await runPod(daemon.client, pod);
      const containerId = await createContainer(daemon.client, podId, pod, {
        name: 'main',
        image,
        command: sleeping,
      });
      await daemon.client.runtime('StartContainer', { containerId });
      await daemon.kill();
      tearRecords(podId, containerId);
      await daemon.start();
      const { items } = await daemon.client.runtime('ListPodSandbox', {});
      assert.ok(items.some(({ id, state }) => id === healthyId && state === 'SANDBOX_READY'));
      await removeAllPods(daemon.client);
      await assertWorld(daemon, empty);
    }
  });

  test('a container that another version of the daemon recorded is left alone, and is known again to that one', async () => {
    const pod = daemon.pod('newer');
    const podId = await runPod(daemon.client, pod);
    const request = { name: 'main', image, command: sleeping };
    const containerId = await createContainer(daemon.client, podId, pod, request);
    await daemon.client.runtime('StartContainer', { containerId });
    const running = worldSnapshot(daemon);
    const path = `${daemon.paths.dataDir}/containers/${containerId}/metadata.json`;
    const record = readFileSync(path, 'utf8');
    await daemon.stop();
    writeFileSync(path, record.replace('"version":1', '"version":99'));
    await daemon.start();
    assert.deepEqual((await daemon.client.runtime('ListContainers', {})).containers, []);
    await assertWorld(daemon, running);
    await daemon.stop();
    writeFileSync(path, record);
    await daemon.start();
    const { status } = await daemon.client.runtime('ContainerStatus', { containerId });
    assert.equal(status?.state, 'CONTAINER_RUNNING');
    await removeAllPods(daemon.client);
    await assertWorld(daemon, empty);
  });

  test('after a reboot sandboxes are not ready, containers have ended, exit codes from before are known', async () => {
    const pod = daemon.pod('boot');
    const podId = await runPod(daemon.client, pod);
    const start = async (name: string, script: string): Promise<string> => {
      const request = { name, image, command: ['/bin/sh', '-c', script] };
      const containerId = await createContainer(daemon.client, podId, pod, request);
      await daemon.client.runtime('StartContainer', { containerId });
      return containerId;
    };
    const ended = await start('ended', 'exit 7');
    const running = await start('running', 'sleep 1000');
    await waitForExit(daemon.client, ended);
    await daemon.kill();
    for (const { pid } of processesOf(daemon.root, daemon.cgroupParent)) process.kill(pid, 'SIGKILL');
    for (const point of mountsBelow(daemon.root).reverse()) await command(['umount', '-l', point]);
    rmSync(daemon.paths.runDir, { recursive: true });
    rmSync(daemon.paths.namespacesDir, { recursive: true });
    mkdirSync(daemon.paths.namespacesDir);

    await daemon.start();
    const sandbox = await daemon.client.runtime('PodSandboxStatus', { podSandboxId: podId });
    assert.equal(sandbox.status?.state, 'SANDBOX_NOTREADY');
    const statusOf = async (containerId: string): Promise<unknown[]> => {
      const { status } = await daemon.client.runtime('ContainerStatus', { containerId });
      return [status?.state, status?.exitCode, status?.reason];
    };
    assert.deepEqual(await statusOf(ended), ['CONTAINER_EXITED', 7, 'Error']);
    assert.deepEqual(await statusOf(running), ['CONTAINER_EXITED', 255, 'MonitorLost']);
    await removeAllPods(daemon.client);
    // A real reboot takes the cgroups and packet filter rules with it.
    removeCgroups(daemon.cgroupParent);
    await assertWorld(daemon, { ...empty, network: worldSnapshot(daemon).network });
  });
});

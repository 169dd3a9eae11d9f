// The daemon dies by SIGKILL in the middle of its work, or finds records that a power loss has torn. The next one starts,
// answers, and can take everything away again.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { command } from '../harness/command.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { sweep } from '../harness/long-tests.ts';
import { diffIdsOf } from '../harness/oci-layout.ts';
import { Podman } from '../harness/podman.ts';
import { createContainer, podConfig, removeAllPods, runPod, waitForExit } from '../harness/pods.ts';
import { killIfAlive, mountsBelow, type ProcessTrace, processesOf } from '../harness/proc.ts';
import { missing } from '../harness/requirements.ts';
import { until } from '../harness/until.ts';
import { assertWorld, removeCgroups, settledWorld, type World, worldSnapshot } from '../harness/world.ts';

/** When the daemon dies, in parts of the time that the work takes undisturbed: from its first step to after its last. */
const killPoints = Array.from({ length: 24 }, (_, at) => (at + 0.2) / 20);

describe('a daemon that was killed or whose records are torn', {
  skip: missing('runc', 'podman', 'skopeo'),
}, () => {
  const daemon = new TestDaemon();
  const podman = new Podman(daemon);
  let image = '';
  let empty: World;

  before(async () => {
    image = await daemon.loadBusybox();
    await daemon.start();
    empty = await settledWorld(daemon);
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

  /** The delays of a sweep over this work, which is done once for it. */
  async function killDelays(work: () => Promise<unknown>): Promise<readonly number[]> {
    const start = performance.now();
    await work();
    const tookMs = performance.now() - start;
    await removeAllPods(daemon.client);
    return sweep(killPoints, 2).map((part) => Math.round(part * tookMs * 10) / 10);
  }

  /** What the daemon and podman say of the store, which no death may damage. */
  async function assertStoreWhole(when: string): Promise<void> {
    const check = JSON.parse(await daemon.cria('check', '--full', '--json')) as { findings: unknown[] };
    assert.deepEqual(check.findings, [], when);
    const { images } = await daemon.client.image('ListImages', {});
    const theirs = (await podman.run('images', '--no-trunc', '--format', '{{.ID}}')).split('\n');
    assert.deepEqual(theirs.sort(), images.map(({ id }) => `sha256:${id}`).sort(), when);
    assert.equal(await podman.run('ps', '--all', '--external', '--quiet'), '', when);
  }

  async function assertImageWhole(): Promise<void> {
    const layout = join(daemon.root, `exported-${randomUUID()}`);
    await podman.export(image, layout);
    assert.deepEqual(diffIdsOf(layout), diffIdsOf(join(daemon.root, 'busybox-layout')));
    const flags = ['--rm', '--network', 'none', '--pull', 'never'];
    assert.equal(await podman.run('run', ...flags, image, 'echo', 'whole'), 'whole');
  }

  /** Ends these processes of the daemon's, also those that end just now or were just started. */
  async function killAll(isMeant: (process: ProcessTrace) => boolean): Promise<void> {
    await until('all are dead', () => {
      const left = processesOf(daemon.root, daemon.cgroupParent).filter(isMeant);
      for (const { pid } of left) killIfAlive(pid);
      return left.length === 0;
    });
  }

  async function killAfter(delayMs: number, work: Promise<unknown>): Promise<void> {
    const ended = work.catch(() => {}); // the connection breaks
    await sleep(delayMs);
    await daemon.kill();
    await ended;
    await daemon.start();
  }

  test('during RunPodSandbox', async () => {
    for (const delayMs of await killDelays(() => runSharedPod('crash'))) {
      await killAfter(delayMs, runSharedPod('crash'));
      const { items } = await daemon.client.runtime('ListPodSandbox', {});
      assert.ok(items.length <= 1, `${items.length} sandboxes after a kill at ${delayMs} ms`);
      // What the kubelet does: it asks again with the same name.
      const id = await runSharedPod('crash');
      assert.equal(items[0]?.id ?? id, id, `another sandbox of the same name after a kill at ${delayMs} ms`);
      await removeAllPods(daemon.client);
      await assertWorld(daemon, empty);
      await assertStoreWhole(`killed after ${delayMs} ms`);
    }
  });

  test('during CreateContainer and StartContainer', async () => {
    const pod = daemon.pod('crash');
    const request = { name: 'main', image, command: sleeping };
    const work = async (podId: string): Promise<void> => {
      const containerId = await createContainer(daemon.client, podId, pod, request);
      await daemon.client.runtime('StartContainer', { containerId });
    };
    const undisturbed = await runPod(daemon.client, pod);
    for (const delayMs of await killDelays(() => work(undisturbed))) {
      const podId = await runPod(daemon.client, pod);
      await killAfter(delayMs, work(podId));
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
      await assertStoreWhole(`killed after ${delayMs} ms`);
    }
    await assertImageWhole();
  });

  test('during StopPodSandbox and RemovePodSandbox', async () => {
    const pod = daemon.pod('crash');
    const end = async (podSandboxId: string): Promise<void> => {
      await daemon.client.runtime('StopPodSandbox', { podSandboxId });
      await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
    };
    const undisturbed = await runPod(daemon.client, pod);
    for (const delayMs of await killDelays(() => end(undisturbed))) {
      const podSandboxId = await runPod(daemon.client, pod);
      const containerId = await createContainer(daemon.client, podSandboxId, pod, {
        name: 'main',
        image,
        command: sleeping,
      });
      await daemon.client.runtime('StartContainer', { containerId });
      await killAfter(delayMs, end(podSandboxId));
      await removeAllPods(daemon.client);
      await assertWorld(daemon, empty);
    }
  });

  test('during RemoveContainer, when its records are half gone: it is not shown again', async () => {
    const pod = daemon.pod('half');
    const podId = await runPod(daemon.client, pod);
    const request = { name: 'main', image, command: ['/bin/sh', '-c', 'exit 7'] };
    const containerId = await createContainer(daemon.client, podId, pod, request);
    await daemon.client.runtime('StartContainer', { containerId });
    assert.equal(await waitForExit(daemon.client, containerId), 7);
    // a mount in the way stops the removal behind the status, where a kill could
    const mounted = join(daemon.paths.runDir, 'containers', containerId, 'in-the-way');
    mkdirSync(mounted);
    await command(['mount', '-t', 'tmpfs', 'cria-test', mounted]);
    await assert.rejects(daemon.client.runtime('RemoveContainer', { containerId }), /EBUSY/);
    await daemon.kill();
    await command(['umount', mounted]);
    await daemon.start();
    assert.deepEqual((await daemon.client.runtime('ListContainers', {})).containers, []);
    await removeAllPods(daemon.client);
    await assertWorld(daemon, empty);
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
    const running = await settledWorld(daemon);
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
    // A power loss takes the monitor with its container: one that outlives it would record its end.
    await killAll(({ command }) => command.includes('cria-monitor'));
    await killAll(() => true);
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

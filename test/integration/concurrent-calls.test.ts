// Calls that meet: an exit, a cancel or a full disk in the middle of another call. The parts are the real ones; the test
// holds one of them at the moment that matters.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CriParts } from '../../internal/cri/cri-parts.ts';
import type { PodSandboxConfig } from '../../internal/cri/gen/runtime/v1/PodSandboxConfig.ts';
import type { ContainerMonitors, CreatedContainer, MonitorRequest } from '../../internal/monitor/monitor.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { type InProcessDaemon, startInProcess } from '../harness/in-process-daemon.ts';
import { createContainer, podConfig, runPod, waitForExit } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { patienceMs } from '../harness/until.ts';
import { assertWorld, settledWorld, type World } from '../harness/world.ts';

/** What the test does at moments of the daemon's work. */
interface Moments {
  afterMonitorCreate: (pid: number, exited: Promise<void>) => Promise<void>;
  beforeRootfsMount: () => Promise<void>;
  afterAttach: () => Promise<void>;
  beforeDetach: () => void;
  afterLayerRemoval: () => void;
}

const nothing: Moments = {
  afterMonitorCreate: async () => {},
  beforeRootfsMount: async () => {},
  afterAttach: async () => {},
  beforeDetach: () => {},
  afterLayerRemoval: () => {},
};

suite('calls that meet', { skip: missing('runc') }, () => {
  const moments = { ...nothing };
  let territory: TestDaemon;
  let daemon: InProcessDaemon;
  let image = '';
  let empty: World;

  before(async () => {
    territory = new TestDaemon();
    image = await territory.loadBusybox();
    daemon = await startInProcess(territory.paths.configFile, (parts) => withMoments(parts, moments));
    await daemon.client.runtime('RemovePodSandbox', {
      podSandboxId: await runPod(daemon.client, territory.pod('warm-up')),
    });
    empty = await settledWorld(territory);
  });

  after(async () => {
    await daemon.stop();
    await territory.destroy();
  });

  const sleeper = () => ({ name: 'main', image, command: ['/bin/sleep', '1000'] });

  async function remove(podSandboxId: string): Promise<void> {
    Object.assign(moments, nothing);
    await daemon.client.runtime('StopPodSandbox', { podSandboxId });
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
    await assertWorld(territory, empty);
  }

  async function killAtOnce(pid: number, exited: Promise<void>): Promise<void> {
    process.kill(pid, 'SIGKILL');
    await exited;
  }

  test('an init that dies before its container is visible is reported, and the container removed', async () => {
    const pod = territory.pod('early-exit');
    const podSandboxId = await runPod(daemon.client, pod);
    moments.afterMonitorCreate = killAtOnce;
    const containerId = await createContainer(daemon.client, podSandboxId, pod, sleeper());
    assert.equal(await waitForExit(daemon.client, containerId), 137);
    await assert.rejects(
      daemon.client.runtime('StartContainer', { containerId }),
      /FAILED_PRECONDITION.*exited/,
    );
    await daemon.client.runtime('RemoveContainer', { containerId }, patienceMs);
    await remove(podSandboxId);
  });

  test('a sandbox whose infra container dies before it is visible is not ready', async () => {
    const config = podConfig(territory.pod('early-infra-exit'));
    const namespaceOptions = { network: 'POD', pid: 'POD', ipc: 'POD' } as const;
    const shared: PodSandboxConfig = {
      ...config,
      linux: { ...config.linux, securityContext: { namespaceOptions } },
    };
    // The network is ready a while after the infra container was started.
    let tell: (made: { pid: number; exited: Promise<void> }) => void = () => {};
    const infra = new Promise<{ pid: number; exited: Promise<void> }>((resolve) => {
      tell = resolve;
    });
    moments.afterMonitorCreate = async (pid, exited) => tell({ pid, exited });
    moments.afterAttach = async () => {
      const { pid, exited } = await infra;
      while (readFileSync(`/proc/${pid}/comm`, 'utf8') !== 'pause\n') await sleep(5);
      await sleep(300);
      await killAtOnce(pid, exited);
    };
    const answer = await daemon.client.runtime('RunPodSandbox', { config: shared, runtimeHandler: '' });
    const { status } = await daemon.client.runtime('PodSandboxStatus', { podSandboxId: answer.podSandboxId });
    assert.equal(status?.state, 'SANDBOX_NOTREADY');
    await remove(answer.podSandboxId);
  });

  test('a stop of the sandbox waits for a creation whose caller is gone', async () => {
    const pod = territory.pod('cancelled');
    const podSandboxId = await runPod(daemon.client, pod);
    const order: string[] = [];
    let letGo = (): void => {};
    let isHeld = (): void => {};
    const held = new Promise<void>((resolve) => {
      isHeld = resolve;
    });
    moments.beforeRootfsMount = () => {
      isHeld();
      return new Promise((resolve) => {
        letGo = resolve;
      });
    };
    moments.afterLayerRemoval = () => void order.push('creation undone');
    moments.beforeDetach = () => void order.push('network detached');
    const config = { metadata: { name: 'main', attempt: 0 }, image: { image }, command: ['/bin/sleep', '9'] };
    const create = { podSandboxId, config, sandboxConfig: podConfig(pod) };
    const caller = new AbortController();
    const given = daemon.client.runtime('CreateContainer', create, undefined, caller.signal);
    const refused = assert.rejects(given, /CANCELLED/);
    await held;
    caller.abort();
    await refused;
    const stopped = daemon.client.runtime('StopPodSandbox', { podSandboxId });
    await daemon.client.runtime('Version', {}); // the stop has begun when a later call is answered
    letGo();
    await stopped;
    assert.deepEqual(order, ['creation undone', 'network detached']);
    await remove(podSandboxId);
  });

  test('a created container is stopped at once, and not started afterwards', async () => {
    const pod = territory.pod('stop-created');
    const podSandboxId = await runPod(daemon.client, pod);
    const containerId = await createContainer(daemon.client, podSandboxId, pod, sleeper());
    await daemon.client.runtime('StopContainer', { containerId, timeout: 3600 }, patienceMs);
    const { status } = await daemon.client.runtime('ContainerStatus', { containerId });
    assert.deepEqual([status?.state, status?.exitCode], ['CONTAINER_EXITED', 137]);
    await assert.rejects(daemon.client.runtime('StartContainer', { containerId }), /FAILED_PRECONDITION/);
    await remove(podSandboxId);
  });

  test('a status that cannot be written does not keep anything from ending', async () => {
    const pod = territory.pod('full-disk');
    const podSandboxId = await runPod(daemon.client, pod);
    const containerId = await createContainer(daemon.client, podSandboxId, pod, sleeper());
    await daemon.client.runtime('StartContainer', { containerId });
    for (const record of [`containers/${containerId}`, `sandboxes/${podSandboxId}`]) {
      const path = `${territory.paths.runDir}/${record}/status.json`;
      rmSync(path);
      mkdirSync(path); // a file cannot take its place
    }
    await daemon.client.runtime('StopContainer', { containerId, timeout: 0 }, patienceMs);
    const { status } = await daemon.client.runtime('ContainerStatus', { containerId });
    assert.deepEqual([status?.state, status?.exitCode], ['CONTAINER_EXITED', 137]);
    await remove(podSandboxId);
  });

  test('a bandwidth annotation that is no quantity is refused without a trace', async () => {
    const config = {
      ...podConfig(territory.pod('bandwidth')),
      annotations: { 'kubernetes.io/egress-bandwidth': 'fast' },
    };
    await assert.rejects(
      daemon.client.runtime('RunPodSandbox', { config, runtimeHandler: '' }),
      /INVALID_ARGUMENT.*egress-bandwidth/,
    );
    assert.deepEqual((await daemon.client.runtime('ListPodSandbox', {})).items, []);
    await assertWorld(territory, empty);
  });

  test('a created container of another sandbox of the pod is not taken for the asked one', async () => {
    const pod = territory.pod('twins');
    const first = await runPod(daemon.client, pod);
    const config = podConfig(pod);
    const second = await daemon.client.runtime('RunPodSandbox', {
      config: { ...config, metadata: { ...config.metadata, attempt: 1 } } as PodSandboxConfig,
      runtimeHandler: '',
    });
    const containerId = await createContainer(daemon.client, first, pod, sleeper());
    assert.equal(await createContainer(daemon.client, first, pod, sleeper()), containerId);
    await assert.rejects(
      createContainer(daemon.client, second.podSandboxId, pod, sleeper()),
      /ALREADY_EXISTS/,
    );
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId: second.podSandboxId });
    await remove(first);
  });

  test('removals of one pod that run beside each other all succeed', async () => {
    const pod = territory.pod('removals');
    const podSandboxId = await runPod(daemon.client, pod);
    const containerId = await createContainer(daemon.client, podSandboxId, pod, sleeper());
    await daemon.client.runtime('StartContainer', { containerId });
    const { client } = daemon;
    await Promise.all([
      client.runtime('StopContainer', { containerId, timeout: 60 }),
      client.runtime('RemoveContainer', { containerId }),
      client.runtime('RemoveContainer', { containerId }),
      client.runtime('StopPodSandbox', { podSandboxId }),
      client.runtime('RemovePodSandbox', { podSandboxId }),
      client.runtime('RemovePodSandbox', { podSandboxId }),
    ]);
    await assertWorld(territory, empty);
  });
});

/** The same parts, with `moments` in them. */
function withMoments(parts: CriParts, moments: Moments): CriParts {
  const { monitors, layers } = parts.containers;
  const { network } = parts.sandboxes;
  const containers = {
    ...parts.containers,
    monitors: withMethods(monitors, { create: (request) => createWatched(monitors, request, moments) }),
    layers: withMethods(layers, {
      mount: (...args) => moments.beforeRootfsMount().then(() => layers.mount(...args)),
      remove: (...args) => layers.remove(...args).then(() => moments.afterLayerRemoval()),
    }),
  };
  const sandboxes = {
    ...parts.sandboxes,
    containers,
    network: withMethods(network, {
      attach: async (...args) => {
        const result = await network.attach(...args);
        await moments.afterAttach();
        return result;
      },
      detach: (...args) => {
        moments.beforeDetach();
        return network.detach(...args);
      },
    }),
  };
  return { ...parts, containers, sandboxes };
}

async function createWatched(
  monitors: ContainerMonitors,
  request: MonitorRequest,
  moments: Moments,
): Promise<CreatedContainer> {
  const exited = new Promise<void>((resolve) => {
    monitors.onExit((containerId) => containerId === request.containerId && resolve());
  });
  const created = await monitors.create(request);
  await moments.afterMonitorCreate(created.pid, exited);
  return created;
}

/** `target` with some methods replaced. */
function withMethods<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(object, key) {
      const value: unknown = Reflect.get(methods, key) ?? Reflect.get(object, key);
      return typeof value === 'function' ? value.bind(object) : value;
    },
  });
}

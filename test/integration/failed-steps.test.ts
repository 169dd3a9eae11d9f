// Every step of RunPodSandbox and CreateContainer fails in turn, and nothing may be left: no process, mount, namespace,
// cgroup, address, record or directory. The parts are the real ones; only the call that fails is not made, or is made and
// its success is lost.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import type { ContainerConfig } from '../../internal/cri/gen/runtime/v1/ContainerConfig.ts';
import type { PodSandboxConfig } from '../../internal/cri/gen/runtime/v1/PodSandboxConfig.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { type FaultKind, FaultPlan } from '../harness/fault-plan.ts';
import { type InProcessDaemon, startInProcess } from '../harness/in-process-daemon.ts';
import { podConfig } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { assertWorld, settledWorld, type World } from '../harness/world.ts';

const kinds: readonly FaultKind[] = ['not done', 'done, then failed'];

suite('a failed step leaves nothing', { skip: missing('runc') }, () => {
  const plan = new FaultPlan();
  let territory: TestDaemon;
  let daemon: InProcessDaemon;
  let image = '';

  before(async () => {
    territory = new TestDaemon();
    image = await territory.loadBusybox();
    daemon = await startInProcess(territory.paths.configFile, (parts) => plan.over(parts));
  });

  after(async () => {
    await daemon.stop();
    await territory.destroy();
  });

  /** With a pod-level pid namespace there is an infra container, so there are more steps. */
  function sandbox(name: string): PodSandboxConfig {
    const config = podConfig(territory.pod(name));
    const namespaceOptions = { network: 'POD', pid: 'POD', ipc: 'POD' } as const;
    return { ...config, linux: { ...config.linux, securityContext: { namespaceOptions } } };
  }

  function container(changes: Partial<ContainerConfig> = {}): ContainerConfig {
    return {
      metadata: { name: 'main', attempt: 0 },
      image: { image },
      command: ['/bin/sleep', '1000'],
      logPath: 'main.log',
      linux: { securityContext: { namespaceOptions: { network: 'POD', pid: 'POD', ipc: 'POD' } } },
      ...changes,
    };
  }

  async function runSandbox(name: string): Promise<string> {
    return (await daemon.client.runtime('RunPodSandbox', { config: sandbox(name), runtimeHandler: '' }))
      .podSandboxId;
  }

  async function failsWithoutTrace(
    before: World,
    call: () => Promise<unknown>,
    expected: RegExp,
  ): Promise<void> {
    await assert.rejects(call(), expected);
    plan.arm(-1, 'not done');
    await assertWorld(territory, before);
  }

  test('RunPodSandbox, each step in both ways', async () => {
    plan.arm(-1, 'not done');
    const podSandboxId = await runSandbox('steps');
    const steps = [...plan.reached];
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
    assert.deepEqual(steps, ['namespaces.pin', 'network.attach', 'monitors.create', 'runtime.start']);
    const empty = await settledWorld(territory);
    assert.deepEqual(empty.records, []);
    for (const kind of kinds) {
      for (const [index, step] of steps.entries()) {
        plan.arm(index, kind);
        await failsWithoutTrace(empty, () => runSandbox('steps'), new RegExp(`planned failure .*${step}`));
      }
    }
    // The name is free again.
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId: await runSandbox('steps') });
  });

  test('CreateContainer, each step in both ways, and by requests that cannot work', async () => {
    plan.arm(-1, 'not done');
    const podSandboxId = await runSandbox('parent');
    const create = (config: ContainerConfig): Promise<{ containerId: string }> =>
      daemon.client.runtime('CreateContainer', { podSandboxId, config, sandboxConfig: sandbox('parent') });
    const clean = await settledWorld(territory);
    plan.arm(-1, 'not done');
    const { containerId } = await create(container());
    const steps = [...plan.reached];
    await daemon.client.runtime('RemoveContainer', { containerId });
    await assertWorld(territory, clean);
    assert.deepEqual(steps, ['images.config', 'layers.create', 'layers.mount', 'monitors.create']);
    for (const kind of kinds) {
      for (const [index, step] of steps.entries()) {
        plan.arm(index, kind);
        await failsWithoutTrace(clean, () => create(container()), new RegExp(`planned failure .*${step}`));
      }
    }
    const security = { namespaceOptions: { network: 'POD', pid: 'POD', ipc: 'POD' } } as const;
    const impossible: readonly (readonly [Partial<ContainerConfig>, RegExp])[] = [
      [{ image: { image: 'localhost/none:none' } }, /NOT_FOUND.*localhost\/none:none/],
      [{ command: ['/no/such/program'] }, /\/no\/such\/program/],
      [{ logPath: '../escape.log' }, /INVALID_ARGUMENT.*escape\.log/],
      [
        { devices: [{ hostPath: '/dev/none', containerPath: '/dev/none', permissions: 'rwm' }] },
        /\/dev\/none/,
      ],
      [
        { linux: { securityContext: { ...security, runAsUsername: 'nobody-of-that-name' } } },
        /nobody-of-that-name/,
      ],
      [
        {
          linux: {
            securityContext: {
              ...security,
              seccomp: { profileType: 'Localhost', localhostRef: '/no/profile.json' },
            },
          },
        },
        /\/no\/profile\.json/,
      ],
      [{ mounts: [{ hostPath: '/dev/null/x', containerPath: '/x' }] }, /\/dev\/null\/x/],
      [{ linux: { resources: { memoryLimitInBytes: 4096 }, securityContext: security } }, /memory/i],
    ];
    for (const [changes, expected] of impossible)
      await failsWithoutTrace(clean, () => create(container(changes)), expected);
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
  });

  test('a log directory that is a link to elsewhere is refused', async () => {
    plan.arm(-1, 'not done');
    const podSandboxId = await runSandbox('linked-log');
    const clean = await settledWorld(territory);
    const { logDirectory } = territory.pod('linked-log');
    mkdirSync(logDirectory, { recursive: true });
    symlinkSync('/var/tmp', `${logDirectory}/main`);
    const config = container({ logPath: 'main/0.log' });
    const create = { podSandboxId, config, sandboxConfig: sandbox('linked-log') };
    await failsWithoutTrace(
      clean,
      () => daemon.client.runtime('CreateContainer', create),
      /FAILED_PRECONDITION.*symbolic link/,
    );
    assert.equal(existsSync('/var/tmp/0.log'), false);
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
  });

  test('what cannot be undone stays listed, and a later remove takes it away', async () => {
    const before = await settledWorld(territory);
    plan.arm(2, 'not done'); // monitors.create: the network is attached by then
    plan.brokenUndo.add('network.detach');
    await assert.rejects(runSandbox('stuck'), /planned failure of monitors.create/);
    const { items } = await daemon.client.runtime('ListPodSandbox', {});
    assert.deepEqual(
      items.map(({ state }) => state),
      ['SANDBOX_NOTREADY'],
    );
    const podSandboxId = items[0]?.id ?? '';
    await assert.rejects(daemon.client.runtime('RemovePodSandbox', { podSandboxId }), /network.detach/);
    plan.brokenUndo.clear();
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
    await assertWorld(territory, before);

    plan.arm(-1, 'not done');
    const parentId = await runSandbox('parent-of-stuck');
    plan.arm(2, 'done, then failed'); // layers.mount
    plan.brokenUndo.add('layers.unmount');
    const create = { podSandboxId: parentId, config: container(), sandboxConfig: sandbox('parent-of-stuck') };
    await assert.rejects(
      daemon.client.runtime('CreateContainer', create),
      /planned failure after layers.mount/,
    );
    const { containers } = await daemon.client.runtime('ListContainers', {});
    assert.deepEqual(
      containers.map(({ state }) => state),
      ['CONTAINER_EXITED'],
    );
    plan.brokenUndo.clear();
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId: parentId });
    await assertWorld(territory, before);
  });

  test('StartContainer that fails leaves an exited container with the reason, which can be removed', async () => {
    plan.arm(-1, 'not done');
    const before = await settledWorld(territory);
    const podSandboxId = await runSandbox('start');
    const { containerId } = await daemon.client.runtime('CreateContainer', {
      podSandboxId,
      config: container(),
      sandboxConfig: sandbox('start'),
    });
    plan.arm(0, 'not done');
    await assert.rejects(
      daemon.client.runtime('StartContainer', { containerId }),
      /planned failure of runtime.start/,
    );
    plan.arm(-1, 'not done');
    await daemon.client.runtime('StopContainer', { containerId, timeout: 5 });
    const { status } = await daemon.client.runtime('ContainerStatus', { containerId });
    assert.deepEqual(
      [status?.state, status?.exitCode, status?.reason],
      ['CONTAINER_EXITED', 128, 'StartError'],
    );
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
    await assertWorld(territory, before);
  });
});

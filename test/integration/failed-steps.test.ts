// Every step of RunPodSandbox and CreateContainer fails in turn, and nothing may be left: no process, mount, namespace,
// cgroup, address, record or directory. The parts are the real ones; only the call that fails is not made, or is made and
// its success is lost.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, suite, test } from 'node:test';
import type { ContainerConfig } from '../../internal/cri/gen/runtime/v1/ContainerConfig.ts';
import type { PodSandboxConfig } from '../../internal/cri/gen/runtime/v1/PodSandboxConfig.ts';
import { findProgram } from '../harness/command.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { type FaultKind, FaultPlan } from '../harness/fault-plan.ts';
import { type InProcessDaemon, startInProcess } from '../harness/in-process-daemon.ts';
import { podConfig } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { assertWorld, settledWorld, type World } from '../harness/world.ts';

/** A CDI device and a hook for every container, in the directories of the daemon. */
function describeVendors({ root, paths }: TestDaemon): void {
  const { configFile } = paths;
  writeFileSync(configFile, readFileSync(configFile, 'utf8').replaceAll('@ROOT@', root));
  mkdirSync(join(root, 'cdi'));
  mkdirSync(join(root, 'hooks'));
  const device = {
    name: 'zero',
    containerEdits: { deviceNodes: [{ path: '/dev/fake', hostPath: '/dev/zero' }] },
  };
  const cdi = { cdiVersion: '0.6.0', kind: 'vendor.test/fake', devices: [device] };
  writeFileSync(join(root, 'cdi/fake.json'), JSON.stringify(cdi), { mode: 0o644 });
  const hook = {
    version: '1.0.0',
    hook: { path: '/bin/true' },
    when: { always: true },
    stages: ['createRuntime'],
  };
  writeFileSync(join(root, 'hooks/fake.json'), JSON.stringify(hook), { mode: 0o644 });
}

const kinds: readonly FaultKind[] = ['not done', 'done, then failed'];

suite('a failed step leaves nothing', { skip: missing('runc') }, () => {
  const plan = new FaultPlan();
  let territory: TestDaemon;
  let daemon: InProcessDaemon;
  let image = '';

  before(async () => {
    // Monitors with their pods: each has a cgroup of its own to be left.
    territory = new TestDaemon({
      handlers: [],
      moreHandlers: [
        {
          name: 'runc',
          path: findProgram('runc') ?? '',
          toml: 'allowed_annotations = ["link-logs.crio.io"]',
        },
      ],
      runtimeToml: 'conmon_cgroup = "pod"\ncdi_spec_dirs = ["@ROOT@/cdi"]\nhooks_dir = ["@ROOT@/hooks"]',
    });
    describeVendors(territory);
    image = await territory.loadBusybox();
    daemon = await startInProcess(territory.paths.configFile, (parts) => plan.over(parts));
  });

  after(async () => {
    await daemon.stop();
    await territory.destroy();
  });

  // A test that fails must not fail the next ones.
  afterEach(() => plan.brokenUndo.clear());

  /** With a pod-level pid namespace there is an infra container, so there are more steps. */
  function sandbox(name: string): PodSandboxConfig {
    const config = podConfig(territory.pod(name));
    const namespaceOptions = { network: 'POD', pid: 'POD', ipc: 'POD' } as const;
    const linux = { ...config.linux, securityContext: { namespaceOptions } };
    return { ...config, linux, annotations: { 'link-logs.crio.io': 'logs' } };
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
    assert.deepEqual(linkedLogs(), []);
  }

  /** Links to logs by the ids of containers. */
  function linkedLogs(): string[] {
    const logs = join(territory.root, 'pod-logs');
    const names = readdirSync(logs).flatMap((pod) => readdirSync(join(logs, pod)));
    return names.filter((name) => /[0-9a-f]{64}\.log$/.test(name));
  }

  test('RunPodSandbox, each step in both ways', async () => {
    plan.arm(-1, 'not done');
    const podSandboxId = await runSandbox('steps');
    const steps = [...plan.reached];
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
    assert.deepEqual(steps, [
      'namespaces.pin',
      'network.attach',
      'places.make',
      'monitors.create',
      'runtime.start',
    ]);
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
    const whole = container({
      mounts: [{ image: { image }, containerPath: '/volume', readonly: true }],
      CDIDevices: [{ name: 'vendor.test/fake=zero' }],
    });
    const { containerId } = await create(whole);
    const steps = [...plan.reached];
    assert.equal(linkedLogs().length, 1);
    await daemon.client.runtime('RemoveContainer', { containerId });
    await assertWorld(territory, clean);
    assert.deepEqual(steps, [
      'images.config',
      'images.admit',
      'images.admit', // of the volume's image
      'layers.create',
      'layers.mount',
      'layers.create',
      'layers.mount',
      'hooks.read',
      'cdi.resolve',
      'places.make',
      'monitors.create',
    ]);
    for (const kind of kinds) {
      for (const [index, step] of steps.entries()) {
        plan.arm(index, kind);
        await failsWithoutTrace(clean, () => create(whole), new RegExp(`planned failure .*${step}`));
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

  test('both in a user namespace, each step in both ways', async () => {
    const mapping = [{ containerId: 0, hostId: 200_000, length: 65_536 }];
    const usernsOptions = { mode: 'POD', uids: mapping, gids: mapping } as const;
    const namespaceOptions = { network: 'POD', pid: 'POD', ipc: 'POD', usernsOptions } as const;
    const plain = sandbox('mapped');
    const config = { ...plain, linux: { ...plain.linux, securityContext: { namespaceOptions } } };
    const hostPath = `${territory.root}/volume`;
    mkdirSync(hostPath);
    const ids = { uidMappings: mapping, gidMappings: mapping };
    const mapped = container({
      mounts: [
        { hostPath, containerPath: '/volume', ...ids },
        { containerPath: '/image', image: { image }, readonly: true },
      ],
      linux: { securityContext: { namespaceOptions } },
    });
    const run = async (): Promise<string> =>
      (await daemon.client.runtime('RunPodSandbox', { config })).podSandboxId;
    plan.arm(-1, 'not done');
    const empty = await settledWorld(territory);
    let podSandboxId = await run();
    const podSteps = [...plan.reached];
    const clean = await settledWorld(territory);
    const create = (): Promise<{ containerId: string }> =>
      daemon.client.runtime('CreateContainer', { podSandboxId, config: mapped, sandboxConfig: config });
    plan.arm(-1, 'not done');
    const { containerId } = await create();
    const steps = [...plan.reached];
    await daemon.client.runtime('RemoveContainer', { containerId });
    await assertWorld(territory, clean);
    for (const kind of kinds) {
      for (const [index, step] of steps.entries()) {
        plan.arm(index, kind);
        await failsWithoutTrace(clean, create, new RegExp(`planned failure .*${step}`));
      }
    }
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
    for (const kind of kinds) {
      for (const [index, step] of podSteps.entries()) {
        plan.arm(index, kind);
        await failsWithoutTrace(empty, run, new RegExp(`planned failure .*${step}`));
      }
    }
    podSandboxId = await run();
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
    await assertWorld(territory, empty);
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
    // The infra container is made beside the network: only when the attach itself fails is it known to have been done.
    plan.arm(1, 'done, then failed');
    plan.brokenUndo.add('network.detach');
    await assert.rejects(runSandbox('stuck'), /planned failure after network.attach/);
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
    plan.arm(3, 'done, then failed'); // layers.mount
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

  test('UpdateContainerResources that fails after the runtime has changed something: the limits are as before', async () => {
    plan.arm(-1, 'not done');
    const podSandboxId = await runSandbox('update');
    const resources = { cpuShares: 512, memoryLimitInBytes: 64 * 1024 * 1024 };
    const config = container();
    const create = {
      podSandboxId,
      config: { ...config, linux: { ...config.linux, resources } },
      sandboxConfig: sandbox('update'),
    };
    const { containerId } = await daemon.client.runtime('CreateContainer', create);
    const linux = { cpuShares: 300, memoryLimitInBytes: 32 * 1024 * 1024 };
    for (const kind of kinds) {
      plan.arm(0, kind);
      await assert.rejects(
        daemon.client.runtime('UpdateContainerResources', { containerId, linux }),
        /planned failure .*runtime\.update/,
      );
      const { status } = await daemon.client.runtime('ContainerStatus', { containerId });
      assert.equal(status?.resources?.linux?.cpuShares, '512');
      const { stats } = await daemon.client.runtime('ContainerStats', { containerId });
      const { availableBytes, workingSetBytes } = stats?.memory ?? {};
      assert.equal(
        BigInt(availableBytes?.value ?? 0) + BigInt(workingSetBytes?.value ?? 0),
        64n * 1024n * 1024n,
      );
    }
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
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

// Settings of the node that follow containers with CPUs of their own, on the machine's own kernel. What a kernel may lack is
// tested over directories in internal/tuning.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { LinuxContainerResources } from '../../internal/cri/gen/runtime/v1/LinuxContainerResources.ts';
import { findProgram } from '../harness/command.ts';
import { TestDaemon } from '../harness/daemon.ts';
import {
  becomes,
  contentOf,
  interruptMask,
  lackingSettings,
  latencyFile,
  maskFile,
} from '../harness/node-settings.ts';
import { podConfig, removeAllPods } from '../harness/pods.ts';

const isV2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
const namespaceOptions = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;
const allowed = [
  'irq-load-balancing.crio.io',
  'cpu-load-balancing.crio.io',
  'cpu-c-states.crio.io',
  'cpu-freq-governor.crio.io',
  'cpu-shared.crio.io',
];
/** The kubelet's for one CPU under the static policy. */
const oneCpu = { cpuShares: 1024, cpusetCpus: '1' };

describe('containers with CPUs of their own', { skip: lackingSettings() }, () => {
  const special = {
    name: 'special',
    path: findProgram('runc') ?? 'runc',
    toml: `allowed_annotations = ${JSON.stringify(allowed)}`,
  };
  const daemon = new TestDaemon({
    moreHandlers: [special],
    runtimeToml:
      'irqbalance_config_file = "@CONFIG@"\nirqbalance_config_restore_file = "disable"\nshared_cpuset = "0"',
  });
  const irqbalance = join(daemon.root, 'irqbalance');
  const wholeMask = contentOf(maskFile);
  const latency = contentOf(latencyFile);
  const withoutOne = interruptMask() & ~2n;
  let image = '';

  before(async () => {
    const { configFile } = daemon.paths;
    writeFileSync(configFile, readFileSync(configFile, 'utf8').replace('@CONFIG@', irqbalance));
    writeFileSync(irqbalance, 'IRQBALANCE_BANNED_CPUS=80000000\n');
    image = await daemon.loadBusybox();
    await daemon.start();
  });

  after(async () => {
    await daemon.destroy();
    if (contentOf(maskFile) !== wholeMask) writeFileSync(maskFile, wholeMask);
    if (contentOf(latencyFile) !== latency) writeFileSync(latencyFile, latency);
  });

  afterEach(async () => {
    await removeAllPods(daemon.client);
    await becomes(maskFile, wholeMask);
    await becomes(latencyFile, latency);
  });

  async function created(
    annotations: Record<string, string>,
    resources: Partial<LinuxContainerResources> = oneCpu,
  ): Promise<string> {
    const sandboxConfig = { ...podConfig(daemon.pod('pod')), annotations };
    const { client } = daemon;
    const { podSandboxId } = await client.runtime('RunPodSandbox', {
      config: sandboxConfig,
      runtimeHandler: 'special',
    });
    const config = {
      metadata: { name: 'main' },
      image: { image },
      command: ['sleep', '1000'],
      logPath: 'main/0.log',
      linux: { resources, securityContext: { namespaceOptions } },
    };
    return (await client.runtime('CreateContainer', { podSandboxId, config, sandboxConfig })).containerId;
  }

  async function started(...args: Parameters<typeof created>): Promise<string> {
    const containerId = await created(...args);
    await daemon.client.runtime('StartContainer', { containerId });
    return containerId;
  }

  async function becomesExited(containerId: string): Promise<void> {
    for (;;) {
      const { status: found } = await daemon.client.runtime('ContainerStatus', { containerId });
      if (found?.state === 'CONTAINER_EXITED') {
        assert.equal(found.reason, 'StartError');
        return;
      }
      await sleep(20);
    }
  }

  async function pidOf(containerId: string): Promise<number> {
    const { info } = await daemon.client.runtime('ContainerStatus', { containerId, verbose: true });
    return (JSON.parse(info['info'] ?? '{}') as { pid: number }).pid;
  }

  async function cgroupOf(containerId: string, controller: string): Promise<string> {
    const lines = readFileSync(`/proc/${await pidOf(containerId)}/cgroup`, 'utf8').split('\n');
    const fields = lines.map((line) => line.split(':'));
    const own = fields.find(([, controllers]) =>
      isV2 ? controllers === '' : controllers?.split(',').includes(controller),
    );
    return join('/sys/fs/cgroup', isV2 ? '' : controller, own?.[2] ?? '');
  }

  const quiet = { 'irq-load-balancing.crio.io/main': 'disable' };

  test('no interrupts while the container runs', async () => {
    const containerId = await created(quiet);
    assert.equal(contentOf(maskFile), wholeMask);
    await daemon.client.runtime('StartContainer', { containerId });
    assert.equal(interruptMask(), withoutOne);
    assert.match(contentOf(irqbalance), /^IRQBALANCE_BANNED_CPUS="80000002"$/);
    await daemon.client.runtime('StopContainer', { containerId, timeout: 0 });
    await becomes(maskFile, wholeMask);
    await becomes(irqbalance, 'IRQBALANCE_BANNED_CPUS=80000000');
  });

  test('a daemon that is killed: the container keeps its CPUs, and they are given back when it has ended meanwhile', async () => {
    const containerId = await started(quiet);
    const pid = await pidOf(containerId);
    await daemon.kill();
    await daemon.start();
    assert.equal(interruptMask(), withoutOne);
    await daemon.kill();
    process.kill(pid, 'SIGKILL');
    assert.equal(interruptMask(), withoutOne);
    await daemon.start();
    await becomes(maskFile, wholeMask);
    const { status: found } = await daemon.client.runtime('ContainerStatus', { containerId });
    assert.equal(found?.state, 'CONTAINER_EXITED');
  });

  test('containers without whole CPUs, and annotations that are not asked for, change nothing', async () => {
    await started(quiet, { cpuShares: 1500, cpusetCpus: '1' });
    assert.equal(contentOf(maskFile), wholeMask);
    await removeAllPods(daemon.client);
    await started({ 'irq-load-balancing.crio.io/other': 'disable' });
    assert.equal(contentOf(maskFile), wholeMask);
  });

  test('a container for which the node cannot be set up is not started', async () => {
    const cpusetCpus = contentOf('/sys/devices/system/cpu/online');
    const containerId = await created(quiet, { cpuShares: 2048, cpusetCpus });
    await assert.rejects(daemon.client.runtime('StartContainer', { containerId }), {
      code: status.FAILED_PRECONDITION,
      details: /of container "\w+": no CPU would be left for interrupts, all of \S+ are in \S+; leave CPUs/,
    });
    assert.equal(contentOf(maskFile), wholeMask);
    await becomesExited(containerId);
    await removeAllPods(daemon.client);
    const unpinned = await created(quiet, { cpuShares: 2048 });
    await assert.rejects(daemon.client.runtime('StartContainer', { containerId: unpinned }), {
      code: status.FAILED_PRECONDITION,
      details:
        /annotations for CPUs of its own, but its request names no CPUs; set .*cpuManagerPolicy to static/,
    });
    await removeAllPods(daemon.client);
    await assert.rejects(created({ 'irq-load-balancing.crio.io': 'off' }), {
      code: status.INVALID_ARGUMENT,
      details: /irq-load-balancing\.crio\.io is "off", expected "disable", "housekeeping" or "enable"/,
    });
  });

  test('no load balancing in the cgroup of the container', async () => {
    const balance = async (containerId: string) => {
      const directory = await cgroupOf(containerId, 'cpuset');
      if (!isV2) return contentOf(join(directory, 'cpuset.sched_load_balance'));
      return contentOf(join(directory, 'cpuset.cpus.partition')) === 'isolated' ? '0' : '1';
    };
    const containerId = await created({ 'cpu-load-balancing.crio.io': 'disable' });
    assert.equal(await balance(containerId), '1');
    await daemon.client.runtime('StartContainer', { containerId });
    assert.equal(await balance(containerId), '0');
    assert.equal(contentOf(maskFile), wholeMask);
    await removeAllPods(daemon.client);
    assert.equal(await balance(await started({})), '1');
  });

  test('idle states: as deep as the container says, and as before when it is gone', async () => {
    const containerId = await created({ 'cpu-c-states.crio.io': 'max_latency:10' });
    assert.equal(contentOf(latencyFile), latency);
    await daemon.client.runtime('StartContainer', { containerId });
    assert.equal(contentOf(latencyFile), '10');
    const pid = await pidOf(containerId);
    await daemon.kill();
    process.kill(pid, 'SIGKILL');
    await daemon.start();
    await becomes(latencyFile, latency);
    await removeAllPods(daemon.client);
    await started({ 'cpu-c-states.crio.io/main': 'disable', ...quiet });
    assert.equal(contentOf(latencyFile), 'n/a');
    assert.equal(interruptMask(), withoutOne);
  });

  test('a governor: in force while the container runs, or the reason why the kernel has none', async () => {
    const file = '/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor';
    const before = existsSync(file) ? contentOf(file) : undefined;
    const containerId = await created({ 'cpu-freq-governor.crio.io': 'performance', ...quiet });
    const start = daemon.client.runtime('StartContainer', { containerId });
    if (before === undefined) {
      await assert.rejects(start, {
        code: status.FAILED_PRECONDITION,
        details:
          /CPU 1 has no cpufreq\/scaling_governor in \/sys: the kernel has no driver for its frequency/,
      });
      assert.equal(contentOf(maskFile), wholeMask);
      return becomesExited(containerId);
    }
    await start;
    assert.equal(contentOf(file), 'performance');
    await daemon.client.runtime('StopContainer', { containerId, timeout: 0 });
    await becomes(file, before);
  });

  test('shared CPUs: in the cpuset and the quotas, known to the container, and kept by an update, also by one that fails', async () => {
    const limited = { ...oneCpu, cpuQuota: 100_000, cpuPeriod: 100_000 };
    const containerId = await created({ 'cpu-shared.crio.io/main': 'enable' }, limited);
    const [own, cpuset] = [await cgroupOf(containerId, 'cpu'), await cgroupOf(containerId, 'cpuset')];
    const quotaFile = isV2 ? 'cpu.max' : 'cpu.cfs_quota_us';
    const quotas = () => [join(own, '..'), own].map((at) => contentOf(join(at, quotaFile)).split(' ')[0]);
    writeFileSync(join(own, '..', quotaFile), '100000'); // as the kubelet does for its pod
    try {
      await daemon.client.runtime('StartContainer', { containerId });
      assert.deepEqual(quotas(), ['200000', '200000']);
      const script =
        'echo $OPENSHIFT_ISOLATED_CPUS $OPENSHIFT_SHARED_CPUS; grep Cpus_allowed_list /proc/1/status';
      const cmd = ['/bin/sh', '-c', script];
      const { stdout } = await daemon.client.runtime('ExecSync', { containerId, cmd, timeout: 60 });
      assert.equal(stdout.toString(), '1 0\nCpus_allowed_list:\t0-1\n');
      await daemon.client.runtime('UpdateContainerResources', { containerId, linux: limited });
      assert.equal(contentOf(join(cpuset, 'cpuset.cpus')), '0-1');
      assert.deepEqual(quotas(), ['200000', '200000']);
      const impossible = { ...limited, cpusetCpus: '1000' };
      await assert.rejects(
        daemon.client.runtime('UpdateContainerResources', { containerId, linux: impossible }),
      );
      assert.deepEqual([contentOf(join(cpuset, 'cpuset.cpus')), ...quotas()], ['0-1', '200000', '200000']);
      const shown = (await daemon.client.runtime('ContainerStatus', { containerId })).status?.resources
        ?.linux;
      assert.deepEqual([shown?.cpusetCpus, shown?.cpuQuota], ['1', '100000']);
      await daemon.client.runtime('StopContainer', { containerId, timeout: 0 });
      await becomes(join(own, '..', quotaFile), isV2 ? '100000 100000' : '100000');
    } finally {
      writeFileSync(join(own, '..', quotaFile), isV2 ? 'max' : '-1');
    }
  });

  test('housekeeping: the first CPU keeps its interrupts, and the container knows which', async () => {
    const containerId = await started(
      { 'irq-load-balancing.crio.io': 'housekeeping' },
      { cpuShares: 2048, cpusetCpus: '0-1' },
    );
    const { stdout } = await daemon.client.runtime('ExecSync', {
      containerId,
      cmd: ['/bin/sh', '-c', 'echo $OPENSHIFT_HOUSEKEEPING_CPUS'],
      timeout: 60,
    });
    const siblings = contentOf('/sys/devices/system/cpu/cpu0/topology/thread_siblings_list');
    const areTwins = siblings !== '0';
    assert.equal(stdout.toString().trim(), areTwins ? '0-1' : '0');
    assert.equal(interruptMask(), areTwins ? withoutOne | 2n : withoutOne);
  });
});

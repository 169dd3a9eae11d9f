// In-place resize: UpdateContainerResources under both OCI runtimes, with a look at the kernel's own files.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { LinuxContainerResources } from '../../internal/cri/gen/runtime/v1/LinuxContainerResources.ts';
import { cpuPart, limitsOf } from '../harness/cgroup-limits.ts';
import { isUnified } from '../harness/cgroup-parent.ts';
import { runContainer, useDaemon } from '../harness/daemon-suite.ts';
import { podConfig, removeAllPods, waitForExit } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { whileEndIsUntold } from '../harness/untold-end.ts';

const pidsLimit = 77;
const mebibyte = 1024 * 1024;

for (const handler of ['runc', 'crun'] as const) {
  describe(`a resize under ${handler}`, { skip: missing(handler) }, () => {
    const { daemon } = useDaemon({ handlers: [handler], runtimeToml: `pids_limit = ${pidsLimit}` });

    async function running(
      script: string,
      resources: LinuxContainerResources = {
        memoryLimitInBytes: 64 * mebibyte,
        cpuShares: 512,
        cpuPeriod: 100_000,
      },
    ): Promise<string> {
      const container = { command: ['/bin/sh', '-c', script], linux: { resources } };
      return (await runContainer(daemon, { container })).containerId;
    }

    async function update(containerId: string, linux: LinuxContainerResources): Promise<void> {
      await daemon.client.runtime('UpdateContainerResources', { containerId, linux });
    }

    async function resourcesOf(containerId: string) {
      const answer = await daemon.client.runtime('ContainerStatus', { containerId, verbose: true });
      const { pid } = JSON.parse(answer.info['info'] ?? '{}') as { pid: number };
      return { pid, shown: answer.status?.resources?.linux };
    }

    test('limits go up and down while the container works, and the status shows them', async () => {
      const id = await running('while :; do :; done');
      const { pid } = await resourcesOf(id);
      await update(id, { cpuQuota: 20_000, memoryLimitInBytes: 128 * mebibyte });
      const up = limitsOf(pid);
      assert.deepEqual([up.memoryBytes, up.cpuQuota, up.cpuPart], [128 * mebibyte, 20_000, cpuPart(512)]);
      await update(id, { memoryLimitInBytes: 32 * mebibyte, cpuShares: 1024 });
      assert.equal(limitsOf(pid).memoryBytes, 32 * mebibyte);
      const { shown } = await resourcesOf(id);
      assert.equal(shown?.memoryLimitInBytes, String(32 * mebibyte));
      assert.deepEqual([shown?.cpuQuota, shown?.cpuShares, shown?.cpuPeriod], ['20000', '1024', '100000']);
    });

    test('an update survives a restart of the daemon', async () => {
      const id = await running('sleep 1000');
      await update(id, { cpuShares: 333 });
      await daemon.restart();
      assert.equal((await resourcesOf(id)).shown?.cpuShares, '333');
    });

    test('a limit below what is in use is refused, and nothing changes', async () => {
      const id = await running('sleep 1000');
      const { pid } = await resourcesOf(id);
      const cmd = ['dd', 'if=/dev/zero', 'of=/dev/shm/full', 'bs=1M', 'count=24'];
      assert.equal((await daemon.client.runtime('ExecSync', { containerId: id, cmd })).exitCode, 0);
      await assert.rejects(update(id, { memoryLimitInBytes: 12 * mebibyte }), {
        code: status.FAILED_PRECONDITION,
        details: /cannot be set to 12582912 bytes: \d+ bytes are in use/,
      });
      assert.equal(limitsOf(pid).memoryBytes, 64 * mebibyte);
      assert.equal((await resourcesOf(id)).shown?.memoryLimitInBytes, String(64 * mebibyte));
    });

    test('under load: up and down again and again, and nothing is disturbed', async () => {
      const churn =
        'while :; do dd if=/dev/zero of=/dev/shm/full bs=1M count=16 2>/dev/null; rm /dev/shm/full; done';
      const id = await running(churn);
      const { pid } = await resourcesOf(id);
      for (const mebibytes of [256, 40, 64, 32, 128, 48]) {
        await update(id, { memoryLimitInBytes: mebibytes * mebibyte, cpuQuota: mebibytes * 1000 });
        assert.equal(limitsOf(pid).memoryBytes, mebibytes * mebibyte);
      }
      const { status: shown } = await daemon.client.runtime('ContainerStatus', { containerId: id });
      assert.deepEqual([shown?.state, shown?.resources?.linux?.cpuQuota], ['CONTAINER_RUNNING', '48000']);
      assert.equal((await resourcesOf(id)).pid, pid);
    });

    test('CPUs, swap and processes: as asked for, after an update too', async () => {
      const id = await running('sleep 1000', {
        memoryLimitInBytes: 64 * mebibyte,
        memorySwapLimitInBytes: 96 * mebibyte,
        cpusetCpus: '0',
        hugepageLimits: [{ pageSize: '3MB', limit: 0 }],
      });
      const { pid } = await resourcesOf(id);
      const { cpus, pids, memoryAndSwapBytes } = limitsOf(pid);
      assert.deepEqual([cpus, pids], ['0', pidsLimit]);
      if (memoryAndSwapBytes !== undefined) assert.equal(memoryAndSwapBytes, 96 * mebibyte);
      await update(id, { memorySwapLimitInBytes: 80 * mebibyte });
      const before = limitsOf(pid);
      if (memoryAndSwapBytes !== undefined) assert.equal(before.memoryAndSwapBytes, 80 * mebibyte);
      await assert.rejects(update(id, { cpusetCpus: '4095', cpuShares: 300 }), /OCI runtime update failed/);
      assert.deepEqual(limitsOf(pid), before);
      assert.deepEqual((await resourcesOf(id)).shown?.cpusetCpus, '0');
    });

    test('values that the kernel would not take are refused by name, and nothing changes', async () => {
      const resources = { cpuShares: 512, cpuPeriod: 100_000, cpuQuota: 50_000, cpusetCpus: '0' };
      const id = await running('sleep 1000', resources);
      const before = (await resourcesOf(id)).shown;
      const refused: readonly [LinuxContainerResources, RegExp][] = [
        [{ cpuShares: 2, cpuQuota: 999 }, /cpu_quota 999 is neither -1 nor 1000/],
        [{ cpuShares: 2, cpuPeriod: 1_000_001 }, /cpu_period 1000001 is not from 1000 to 1000000/],
        [{ cpuShares: 2, cpusetCpus: '1-0' }, /cpuset_cpus "1-0" is not a list/],
      ];
      for (const [linux, details] of refused) {
        await assert.rejects(update(id, linux), { code: status.INVALID_ARGUMENT, details });
      }
      const hugepageLimits = [{ pageSize: '2MB', limit: 2 * mebibyte }];
      await assert.rejects(update(id, { hugepageLimits }), { code: status.FAILED_PRECONDITION });
      await update(id, { hugepageLimits: [{ pageSize: '2MB', limit: 0 }] }); // as the kubelet names all sizes
      const after = await resourcesOf(id);
      assert.deepEqual(after.shown, before);
      assert.equal(limitsOf(after.pid).cpuPart, cpuPart(512));
    });

    test('an update that fails half-way is taken back, also what the container had no limit of', async () => {
      const id = await running('sleep 1000', {});
      const { pid, shown } = await resourcesOf(id);
      const before = limitsOf(pid);
      const limits = { cpuQuota: 50_000, cpuShares: 300, memoryLimitInBytes: 64 * mebibyte };
      const noSuchNode = { ...limits, cpusetCpus: '0', cpusetMems: '63' };
      await assert.rejects(update(id, noSuchNode), /OCI runtime update failed/);
      assert.deepEqual(limitsOf(pid), before);
      assert.deepEqual((await resourcesOf(id)).shown, shown);
    });

    test('a container can be made without a quota by name', async () => {
      const id = await running('sleep 1000', { cpuQuota: -1, cpuPeriod: 50_000 });
      const { pid, shown } = await resourcesOf(id);
      const { cpuQuota, cpuPeriod } = limitsOf(pid);
      assert.deepEqual([cpuQuota, cpuPeriod], [-1, 50_000]);
      assert.equal(shown?.cpuQuota, '-1');
      await update(id, { cpusetCpus: '0' }); // as the kubelet's CPU manager does
      await update(id, { cpuQuota: -1, cpuPeriod: 100_000, cpuShares: 300 });
      const after = limitsOf(pid);
      assert.deepEqual([after.cpus, after.cpuPart, after.cpuQuota], ['0', cpuPart(300), -1]);
    });

    test('a quota goes away again, and what fails then leaves it there', async () => {
      const id = await running('sleep 1000', { cpuQuota: 20_000, memoryLimitInBytes: 64 * mebibyte });
      const { pid } = await resourcesOf(id);
      await assert.rejects(update(id, { cpuQuota: -1, cpusetMems: '63' }), /OCI runtime update failed/);
      assert.equal(limitsOf(pid).cpuQuota, 20_000);
      await update(id, { cpuQuota: -1 });
      await update(id, { cpuPeriod: 50_000, memoryLimitInBytes: 32 * mebibyte });
      const { cpuQuota, cpuPeriod, memoryBytes } = limitsOf(pid);
      assert.deepEqual([cpuQuota, cpuPeriod, memoryBytes], [-1, 50_000, 32 * mebibyte]);
      assert.equal((await resourcesOf(id)).shown?.cpuQuota, '-1');
    });

    test('what this host cannot do is refused when the container is made', async () => {
      const hugepageLimits = [{ pageSize: '3MB', limit: 6 * mebibyte }];
      await assert.rejects(running('sleep 1000', { hugepageLimits }), {
        code: status.FAILED_PRECONDITION,
        details: /huge pages of 3MB cannot be limited to 6291456 bytes: this host has/,
      });
      await removeAllPods(daemon.client);
      if (!isUnified) {
        await assert.rejects(running('sleep 1000', { unified: { 'memory.oom.group': '1' } }), {
          code: status.FAILED_PRECONDITION,
          details: /unified resources need cgroup v2/,
        });
      }
      assert.deepEqual((await daemon.client.runtime('ListContainers', {})).containers, []);
    });

    test('a container whose end nobody has told yet is not resized, whatever the runtime says of it', async () => {
      const id = await running('exec sleep 1000');
      await whileEndIsUntold(daemon, id, async () => {
        await assert.rejects(update(id, { cpuShares: 2, memoryLimitInBytes: 32 * mebibyte }), {
          code: status.FAILED_PRECONDITION,
          details: /it is exited, only a created or running container can be resized/,
        });
      });
      assert.equal(await waitForExit(daemon.client, id), 137);
    });

    test('a container that has ended, or that nobody knows, is not resized', async () => {
      const id = await running('sleep 1000');
      await daemon.client.runtime('StopContainer', { containerId: id, timeout: 0 });
      await assert.rejects(update(id, { cpuShares: 2 }), {
        code: status.FAILED_PRECONDITION,
        details: /it is exited, only a created or running container can be resized/,
      });
      await assert.rejects(update('absent', { cpuShares: 2 }), { code: status.NOT_FOUND });
    });
  });
}

describe('the resources of a pod', { skip: missing('runc') }, () => {
  const { daemon } = useDaemon();

  async function shown(podSandboxId: string): Promise<Record<string, LinuxContainerResources | undefined>> {
    const { info } = await daemon.client.runtime('PodSandboxStatus', { podSandboxId, verbose: true });
    return JSON.parse(info['info'] ?? '{}') as Record<string, LinuxContainerResources | undefined>;
  }

  test('an update is shown, survives a restart, and is for ready pods', async () => {
    const plain = podConfig(daemon.pod('pod'));
    const linux = {
      ...plain.linux,
      resources: { cpuShares: 100 },
      overhead: { memoryLimitInBytes: mebibyte },
    };
    const { client } = daemon;
    const { podSandboxId } = await client.runtime('RunPodSandbox', { config: { ...plain, linux } });
    const before = await shown(podSandboxId);
    assert.equal(before['resources']?.cpuShares, '100');
    assert.equal(before['overhead']?.memoryLimitInBytes, String(mebibyte));
    await client.runtime('UpdatePodSandboxResources', {
      podSandboxId,
      resources: { cpuShares: 200, memoryLimitInBytes: 5 * mebibyte },
    });
    await daemon.restart();
    const { resources, overhead } = await shown(podSandboxId);
    assert.deepEqual([resources?.cpuShares, resources?.memoryLimitInBytes], ['200', String(5 * mebibyte)]);
    assert.equal(overhead?.memoryLimitInBytes, String(mebibyte));
    await daemon.client.runtime('StopPodSandbox', { podSandboxId });
    await assert.rejects(daemon.client.runtime('UpdatePodSandboxResources', { podSandboxId }), {
      code: status.FAILED_PRECONDITION,
      details: /only those of a ready sandbox can/,
    });
    await assert.rejects(daemon.client.runtime('UpdatePodSandboxResources', { podSandboxId: 'absent' }), {
      code: status.NOT_FOUND,
    });
  });

  test('the infra container’s spec has them as they were asked for, whatever the pod says itself', async () => {
    const plain = podConfig(daemon.pod('shared'));
    const namespaceOptions = { network: 'POD', pid: 'POD', ipc: 'POD' } as const;
    const config = {
      ...plain,
      annotations: {
        'io.kubernetes.cri-o.PodLinuxResources': '{"cpu_shares":9}',
        'pod-linux-resources.crio.io': '{"cpu_shares":9}',
      },
      linux: {
        ...plain.linux,
        securityContext: { namespaceOptions },
        resources: { cpuShares: 300, cpuPeriod: 100_000, memoryLimitInBytes: 3 * mebibyte },
      },
    };
    const { client } = daemon;
    const { podSandboxId } = await client.runtime('RunPodSandbox', { config });
    await client.runtime('UpdatePodSandboxResources', { podSandboxId, resources: { cpuShares: 400 } });
    const { info } = await client.runtime('PodSandboxStatus', { podSandboxId, verbose: true });
    const { annotations } = JSON.parse(info['info'] ?? '{}').runtimeSpec;
    const asked = `{"cpu_period":100000,"cpu_shares":300,"memory_limit_in_bytes":${3 * mebibyte}}`;
    assert.equal(annotations['io.kubernetes.cri-o.PodLinuxResources'], asked);
    assert.equal(annotations['pod-linux-resources.crio.io'], asked);
    assert.equal(annotations['pod-linux-overhead.crio.io'], 'null');
  });
});

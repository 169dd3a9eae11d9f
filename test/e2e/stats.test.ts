// What a kubelet that asks the CRI for usage gets: numbers of the kernel, of the right container.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { ContainerStats__Output } from '../../internal/cri/gen/runtime/v1/ContainerStats.ts';
import { runContainer, useDaemon } from '../harness/daemon-suite.ts';
import { podConfig } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';

const mebibyte = 1024 * 1024;

describe('usage of pods and containers', { skip: missing('runc') }, () => {
  const { daemon } = useDaemon();
  let podSandboxId = '';

  async function running(name: string, script: string, labels: Record<string, string> = {}): Promise<string> {
    const container = {
      metadata: { name, attempt: 0 },
      command: ['/bin/sh', '-c', script],
      labels,
      linux: { resources: { memoryLimitInBytes: 64 * mebibyte } },
    };
    const made = await runContainer(daemon, { container });
    podSandboxId = made.podSandboxId;
    return made.containerId;
  }

  async function statsOf(containerId: string): Promise<ContainerStats__Output> {
    const { stats } = await daemon.client.runtime('ContainerStats', { containerId });
    assert.ok(stats);
    return stats;
  }

  test('a container: CPU with a rate, memory within its limit, its writable layer', async () => {
    const script =
      'dd if=/dev/zero of=/full bs=1M count=8 2>/dev/null; echo ready > /ready; while :; do :; done';
    const id = await running('busy', script, { app: 'x' });
    const cmd = ['/bin/sh', '-c', 'until [ -e /ready ]; do :; done'];
    await daemon.client.runtime('ExecSync', { containerId: id, cmd });
    const first = await statsOf(id);
    assert.equal(first.attributes?.metadata?.name, 'busy');
    assert.deepEqual(first.attributes?.labels, { app: 'x' });
    await sleep(1_100);
    const second = await statsOf(id);
    assert.ok(
      Number(second.cpu?.usageCoreNanoSeconds?.value) > Number(first.cpu?.usageCoreNanoSeconds?.value),
    );
    assert.ok(Number(second.cpu?.usageNanoCores?.value) > 0);
    assert.ok(Number(second.cpu?.timestamp) > Number(first.cpu?.timestamp));
    const memory = second.memory;
    const [used, available] = [Number(memory?.workingSetBytes?.value), Number(memory?.availableBytes?.value)];
    assert.ok(used > 0 && used + available === 64 * mebibyte, `${used} + ${available}`);
    assert.ok(Number(second.writableLayer?.usedBytes?.value) >= 8 * mebibyte);
    assert.equal(second.writableLayer?.fsId?.mountpoint, daemon.paths.storageRoot);
    const fsInfo = await daemon.client.image('ImageFsInfo', {});
    assert.equal(fsInfo.containerFilesystems[0]?.fsId?.mountpoint, daemon.paths.storageRoot);
  });

  test('lists: by id, label and sandbox; those that have ended are not in them', async () => {
    const id = await running('one', 'sleep 1000', { app: 'one' });
    const list = async (filter: object | null) =>
      (await daemon.client.runtime('ListContainerStats', { filter })).stats.map((one) => one.attributes?.id);
    assert.deepEqual(await list(null), [id]);
    assert.deepEqual(await list({ labelSelector: { app: 'one' }, podSandboxId }), [id]);
    assert.deepEqual(await list({ labelSelector: { app: 'two' } }), []);
    assert.deepEqual(await list({ id: id.slice(0, 12) }), [id]);
    await daemon.client.runtime('StopContainer', { containerId: id, timeout: 0 });
    assert.deepEqual(await list(null), []);
    const ended = await statsOf(id);
    assert.deepEqual([ended.cpu, ended.memory, ended.attributes?.id], [null, null, id]);
  });

  test('a pod: its cgroup, its interface, its containers', async () => {
    const id = await running('one', 'sleep 1000');
    const { stats } = await daemon.client.runtime('PodSandboxStats', { podSandboxId });
    assert.equal(stats?.attributes?.metadata?.name, podConfig(daemon.pod('pod')).metadata?.name);
    assert.ok(Number(stats?.linux?.cpu?.usageCoreNanoSeconds?.value) > 0);
    assert.ok(Number(stats?.linux?.process?.processCount?.value) >= 1);
    assert.equal(stats?.linux?.network?.defaultInterface?.name, 'eth0');
    assert.deepEqual(
      stats?.linux?.containers.map((one) => one.attributes?.id),
      [id],
    );
    const all = await daemon.client.runtime('ListPodSandboxStats', { filter: {} });
    assert.deepEqual(
      all.stats.map((one) => one.attributes?.id),
      [podSandboxId],
    );
    await daemon.client.runtime('StopPodSandbox', { podSandboxId });
    assert.deepEqual((await daemon.client.runtime('ListPodSandboxStats', {})).stats, []);
  });

  test('what nobody knows is NotFound', async () => {
    const notFound = { code: status.NOT_FOUND };
    await assert.rejects(daemon.client.runtime('ContainerStats', { containerId: 'absent' }), notFound);
    await assert.rejects(daemon.client.runtime('PodSandboxStats', { podSandboxId: 'absent' }), notFound);
  });
});

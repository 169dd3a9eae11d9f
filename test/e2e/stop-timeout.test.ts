// A container that SIGKILL does not end, as one of a process in uninterruptible sleep: here one whose pod's cgroup is frozen, which
// the daemon leaves alone. Frozen processes end on SIGKILL in cgroup v2 (cgroup-v2.rst, cgroup.freeze), but not in v1.

import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { ContainerConfig } from '../../internal/cri/gen/runtime/v1/ContainerConfig.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { podConfig, removeAllPods } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';

const freezer = '/sys/fs/cgroup/freezer';
const skip =
  missing('runc') ||
  (existsSync(freezer) ? false : 'needs the freezer of cgroup v1: cgroup v2 kills the frozen');
const daemon = new TestDaemon({ runtimeToml: 'ctr_stop_timeout = 31' });

before(async () => {
  if (skip === false) await daemon.start();
});
after(() => daemon.destroy());

test('a stop fails ctr_stop_timeout after SIGKILL, and can be repeated', { skip }, async () => {
  const { client } = daemon;
  const image = await daemon.loadBusybox();
  const sandboxConfig = podConfig(daemon.pod('pod'));
  const { podSandboxId } = await client.runtime('RunPodSandbox', { config: sandboxConfig });
  const config: ContainerConfig = {
    metadata: { name: 'main' },
    image: { image },
    command: ['sleep', '1000'],
    linux: { securityContext: { namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } } },
  };
  const { containerId } = await client.runtime('CreateContainer', { podSandboxId, config, sandboxConfig });
  await client.runtime('StartContainer', { containerId });
  const { info } = await client.runtime('ContainerStatus', { containerId, verbose: true });
  const { pid } = JSON.parse(info['info'] ?? '{}') as { pid: number };
  const state = `${freezer}${daemon.cgroupParent}/freezer.state`;
  writeFileSync(state, 'FROZEN');
  try {
    await assert.rejects(client.runtime('StopContainer', { containerId, timeout: 0 }), {
      code: status.DEADLINE_EXCEEDED,
      details: new RegExp(
        `container "${containerId}" \\(pid ${pid}\\) has not ended 31 s after SIGKILL; .*stop it again`,
      ),
    });
  } finally {
    writeFileSync(state, 'THAWED');
  }
  await client.runtime('StopContainer', { containerId, timeout: 0 });
  const stopped = await client.runtime('ContainerStatus', { containerId });
  assert.equal(stopped.status?.exitCode, 137);
  await removeAllPods(client);
});

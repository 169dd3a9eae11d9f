// A pod whose namespace somebody takes away while the daemon runs.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { command } from '../harness/command.ts';
import { busybox } from '../harness/daemon.ts';
import { useDaemon } from '../harness/daemon-suite.ts';
import { podConfig } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';

const namespaceOptions = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;

describe('a pod whose namespace is gone', { skip: missing('runc') }, () => {
  // the bridge plugin finds the rules of its masquerading by the interface that is gone too
  const { daemon } = useDaemon({ network: { bridge: { ipMasq: false } } });

  for (const [kind, folder] of [
    ['network', 'netns'],
    ['ipc', 'ipcns'],
  ] as const) {
    test(`takes no container, is not ready, and goes without a trace: ${kind}`, async () => {
      const { client } = daemon;
      const sandboxConfig = podConfig(daemon.pod('pod'));
      const { podSandboxId } = await client.runtime('RunPodSandbox', { config: sandboxConfig });
      await command(['umount', `${daemon.paths.namespacesDir}/${folder}/${podSandboxId}`]);
      const linux = { securityContext: { namespaceOptions } };
      const config = { metadata: { name: 'main' }, image: { image: busybox }, command: ['true'], linux };
      const creation = client.runtime('CreateContainer', { podSandboxId, config, sandboxConfig });
      await assert.rejects(creation, {
        code: status.FAILED_PRECONDITION,
        details: `sandbox "${podSandboxId}" takes no containers: its ${kind} namespace is gone, it must be made again`,
      });
      const { status: shown } = await client.runtime('PodSandboxStatus', { podSandboxId });
      assert.equal(shown?.state, 'SANDBOX_NOTREADY');
      assert.deepEqual((await client.runtime('ListContainers', {})).containers, []);
      await client.runtime('StopPodSandbox', { podSandboxId });
      await client.runtime('RemovePodSandbox', { podSandboxId });
    });
  }
});

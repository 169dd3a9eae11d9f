// Containers that somebody has paused with the OCI runtime: to be ended, they must go on first.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { command } from '../harness/command.ts';
import { runContainer, useDaemon } from '../harness/daemon-suite.ts';
import { readContainerLog } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { until } from '../harness/until.ts';

for (const handler of ['runc', 'crun'] as const) {
  describe(`a container that is paused under ${handler}`, { skip: missing(handler) }, () => {
    const { daemon } = useDaemon({ handlers: [handler] });

    async function paused(script: string): Promise<{ podSandboxId: string; containerId: string }> {
      const ids = await runContainer(daemon, {
        container: { command: ['/bin/sh', '-c', script], logPath: 'main.log' },
      });
      await until('it has begun', () => readContainerLog(daemon.pod('pod'), 'main').length > 0);
      await command([handler, '--root', `${daemon.root}/run/${handler}`, 'pause', ids.containerId]);
      return ids;
    }

    test('hears the stop signal, and ends with its own code', async () => {
      const { containerId } = await paused('trap "exit 7" TERM; echo ready; while :; do sleep 0.1; done');
      await daemon.client.runtime('StopContainer', { containerId, timeout: 20 });
      const { status } = await daemon.client.runtime('ContainerStatus', { containerId });
      assert.deepEqual([status?.state, status?.exitCode], ['CONTAINER_EXITED', 7]);
    });

    test('is removed with its pod', async () => {
      const { podSandboxId } = await paused('echo ready; sleep 1000');
      await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
      assert.deepEqual((await daemon.client.runtime('ListContainers', {})).containers, []);
    });
  });
}

// Containers in the host's pid namespace: the kernel kills nothing with their init, so the daemon does.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runContainer, useDaemon } from '../harness/daemon-suite.ts';
import { waitForExit } from '../harness/pods.ts';
import { processesOf } from '../harness/proc.ts';
import { missing } from '../harness/requirements.ts';

/** Processes in sessions of their own, whose parents are gone. */
const strays = '(setsid sleep 99171 &); setsid sh -c "sleep 99172 & sleep 99173"  >/dev/null 2>&1 &';
const ended = `${strays} sleep 0.2; exit 5`;
const running = `trap "" TERM; ${strays} sleep 99174 & wait; wait`;

describe('a container in the pid namespace of the host', { skip: missing('runc') }, () => {
  const { daemon } = useDaemon();

  /** Commands of the containers that still run, wherever below the pod's cgroup. */
  const left = () =>
    processesOf(daemon.root, daemon.cgroupParent)
      .map(({ command }) => command)
      .filter((command) => command.includes('9917'));

  async function start(pod: string, script: string): Promise<string> {
    const namespaceOptions = { network: 'POD', pid: 'NODE', ipc: 'POD' } as const;
    const container = {
      command: ['/bin/sh', '-c', script],
      logPath: 'main.log',
      linux: { securityContext: { namespaceOptions } },
    };
    return (await runContainer(daemon, { pod, container })).containerId;
  }

  async function startRunning(name: string): Promise<string> {
    const containerId = await start(name, running);
    while (left().length < 5) await new Promise((resolve) => setTimeout(resolve, 20));
    return containerId;
  }

  test('that ends by itself: after its stop none of its processes is left', async () => {
    const containerId = await start('ends', ended);
    assert.equal(await waitForExit(daemon.client, containerId), 5);
    await daemon.client.runtime('StopContainer', { containerId, timeout: 1 });
    assert.deepEqual(left(), []);
  });

  test('that is stopped while it runs', async () => {
    const containerId = await startRunning('stopped');
    await daemon.client.runtime('StopContainer', { containerId, timeout: 1 });
    assert.deepEqual(left(), []);
  });

  test('that is killed at once', async () => {
    const containerId = await startRunning('killed');
    await daemon.client.runtime('StopContainer', { containerId, timeout: 0 });
    assert.deepEqual(left(), []);
  });

  test('that is removed while it runs', async () => {
    const containerId = await startRunning('removed');
    await daemon.client.runtime('RemoveContainer', { containerId });
    assert.deepEqual(left(), []);
  });
});

// Containers outlive the daemon: it may be killed or restarted at any time, and finds everything again.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { busybox } from '../harness/daemon.ts';
import { useDaemon } from '../harness/daemon-suite.ts';
import {
  createContainer,
  type PodRequest,
  podIp,
  readContainerLog,
  removeAllPods,
  runPod,
  waitForExit,
} from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { until } from '../harness/until.ts';

/** Counts up in its log until the file /stop appears; then ends with the code that stands in it. */
const counting =
  'i=0; while [ ! -e /stop ]; do i=$((i + 1)); echo "line $i"; sleep 0.05; done; exit $(cat /stop)';

describe('a restart of the daemon', { skip: missing('runc') }, () => {
  const { daemon, assertUntouched } = useDaemon();
  let pod: PodRequest;
  let podId: string;
  let containerId: string;
  let number = 0;

  beforeEach(async () => {
    number += 1;
    pod = daemon.pod(`counter-${number}`);
    podId = await runPod(daemon.client, pod);
    const command = ['sh', '-c', counting];
    containerId = await createContainer(daemon.client, podId, pod, {
      name: 'counter',
      image: busybox,
      command,
    });
    await daemon.client.runtime('StartContainer', { containerId });
    await linesBeyond(0);
  });

  /** Waits for more log lines than `count`, and returns how many there are. */
  async function linesBeyond(count: number): Promise<number> {
    const found = () => readContainerLog(pod, 'counter').length;
    await until(`more lines in the log than ${count}`, () => found() > count);
    return found();
  }

  async function stateOf(id: string): Promise<string> {
    const { status } = await daemon.client.runtime('ContainerStatus', { containerId: id });
    return status?.state ?? 'none';
  }

  async function end(code: number): Promise<void> {
    const cmd = ['sh', '-c', `echo ${code} > /stop.new; mv /stop.new /stop`];
    await daemon.client.runtime('ExecSync', { containerId, cmd, timeout: 60 });
  }

  test('a killed daemon leaves its container running and logging, and knows it again', async () => {
    const address = await podIp(daemon.client, podId);
    await daemon.kill();
    const atDeath = readContainerLog(pod, 'counter').length;
    const later = await linesBeyond(atDeath);
    await daemon.start();
    assert.equal(await stateOf(containerId), 'CONTAINER_RUNNING');
    assert.equal(await podIp(daemon.client, podId), address);
    await linesBeyond(later);
    const numbers = readContainerLog(pod, 'counter').map(({ text }) => text);
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => `line ${index + 1}`),
      'no line is lost or doubled',
    );
    await end(42);
    assert.equal(await waitForExit(daemon.client, containerId), 42);
  });

  test('an exit while the daemon was dead is reported with its real code', async () => {
    const cmd = ['sh', '-c', '(sleep 1; echo 23 > /stop.new; mv /stop.new /stop) >/dev/null 2>&1 &'];
    await daemon.client.runtime('ExecSync', { containerId, cmd, timeout: 60 });
    const { info } = await daemon.client.runtime('ContainerStatus', { containerId, verbose: true });
    const { pid } = JSON.parse(info['info'] ?? '{}') as { pid: number };
    await daemon.kill();
    while (existsSync(`/proc/${pid}`)) await sleep(20);
    await daemon.start();
    assert.equal(await waitForExit(daemon.client, containerId), 23);
  });

  test('a monitor that does not answer holds up neither the start nor a stop', async () => {
    const { info } = await daemon.client.runtime('ContainerStatus', { containerId, verbose: true });
    const { pid, monitorPid } = JSON.parse(info['info'] ?? '{}') as { pid: number; monitorPid: number };
    await daemon.kill();
    process.kill(monitorPid, 'SIGSTOP');
    let stopped: Promise<unknown>;
    try {
      await daemon.start();
      assert.equal(await stateOf(containerId), 'CONTAINER_RUNNING');
      stopped = daemon.client.runtime('StopContainer', { containerId, timeout: 0 });
      stopped.catch(() => {});
      const isZombie = () => / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')); // its parent is asleep
      await until('the container is killed', isZombie);
    } finally {
      process.kill(monitorPid, 'SIGCONT');
    }
    await stopped;
    assert.equal(await waitForExit(daemon.client, containerId), 137);
  });

  test('a pod keeps and loses its infra container, whatever drop_infra_ctr says later', async () => {
    await removeAllPods(daemon.client); // what the counter runs comes and goes
    const { configFile } = daemon.paths;
    const text = readFileSync(configFile, 'utf8');
    await daemon.stop();
    writeFileSync(configFile, text.replace('[crio.runtime]', '[crio.runtime]\ndrop_infra_ctr = false'));
    await daemon.start();
    const podSandboxId = await runPod(daemon.client, daemon.pod('with-infra'));
    await daemon.stop();
    writeFileSync(configFile, text);
    await daemon.start();
    const { status } = await daemon.client.runtime('PodSandboxStatus', { podSandboxId });
    assert.equal(status?.state, 'SANDBOX_READY');
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
    await assertUntouched();
  });

  test('an orderly restart disturbs nothing', async () => {
    const before = await daemon.client.runtime('ContainerStatus', { containerId });
    await daemon.restart();
    const now = await daemon.client.runtime('ContainerStatus', { containerId });
    assert.deepEqual(now.status, before.status);
    await end(0);
    assert.equal(await waitForExit(daemon.client, containerId), 0);
  });

  test('a pod from before a kill is stopped and removed without a trace', async () => {
    await daemon.kill();
    await daemon.start();
    await removeAllPods(daemon.client);
    await assertUntouched();
  });
});

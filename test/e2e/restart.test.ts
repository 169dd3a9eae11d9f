// Containers outlive the daemon: it may be killed or restarted at any time, and finds everything again.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestDaemon } from '../harness/daemon.ts';
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
import { assertWorld, type World, worldSnapshot } from '../harness/world.ts';

/** Counts up in its log until the file /stop appears; then ends with the code that stands in it. */
const counting =
  'i=0; while [ ! -e /stop ]; do i=$((i + 1)); echo "line $i"; sleep 0.05; done; exit $(cat /stop)';

describe('a restart of the daemon', { skip: missing('runc') }, () => {
  let daemon: TestDaemon;
  let image: string;
  let pod: PodRequest;
  let podId: string;
  let containerId: string;
  let untouched: World;
  let number = 0;

  before(async () => {
    daemon = new TestDaemon();
    await daemon.start();
    image = await daemon.loadBusybox();
    untouched = worldSnapshot(daemon);
  });

  after(() => daemon?.destroy());

  beforeEach(async () => {
    number += 1;
    pod = daemon.pod(`counter-${number}`);
    podId = await runPod(daemon.client, pod);
    const command = ['sh', '-c', counting];
    containerId = await createContainer(daemon.client, podId, pod, { name: 'counter', image, command });
    await daemon.client.runtime('StartContainer', { containerId });
    await linesBeyond(0);
  });

  afterEach(() => removeAllPods(daemon.client));

  /** Waits for more log lines than `count`, and returns how many there are. */
  async function linesBeyond(count: number): Promise<number> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const found = readContainerLog(pod, 'counter').length;
      if (found > count) return found;
      await sleep(50);
    }
    throw new Error(`the log did not grow beyond ${count} lines in 5 s`);
  }

  async function stateOf(id: string): Promise<string> {
    const { status } = await daemon.client.runtime('ContainerStatus', { containerId: id });
    return status?.state ?? 'none';
  }

  async function end(code: number): Promise<void> {
    const cmd = ['sh', '-c', `echo ${code} > /stop`];
    await daemon.client.runtime('ExecSync', { containerId, cmd, timeout: 10 });
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
    const cmd = ['sh', '-c', '(sleep 1; echo 23 > /stop) >/dev/null 2>&1 &'];
    await daemon.client.runtime('ExecSync', { containerId, cmd, timeout: 10 });
    await daemon.kill();
    await sleep(2_000);
    await daemon.start();
    assert.equal(await waitForExit(daemon.client, containerId, 2_000), 23);
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
    await assertWorld(daemon, untouched);
  });
});

// The native helpers of a daemon are killed: no container, no line of its log and no exit code is lost, and pods go on.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { busybox } from '../harness/daemon.ts';
import { useDaemon } from '../harness/daemon-suite.ts';
import { freePort } from '../harness/host-network.ts';
import { createContainer, type PodRequest, readContainerLog, runPod, waitForExit } from '../harness/pods.ts';
import { commandOf, processIds } from '../harness/proc.ts';
import { missing } from '../harness/requirements.ts';
import { until } from '../harness/until.ts';

const port = await freePort();
const count = 50;
/** Lines, and when the file /go is there as many again. */
const counting = `i=0; for end in ${count} ${2 * count}; do
  while [ $i -lt $end ]; do i=$((i+1)); echo line $i; done
  while [ ! -e /go ]; do sleep 0.02; done
done; exit 7`;
const lines = Array.from({ length: 2 * count }, (_, at) => `line ${at + 1}`);

describe('helpers that are killed', { skip: missing('runc') }, () => {
  const { daemon } = useDaemon({
    extraToml: `[crio.metrics]\nenable_metrics = true\nmetrics_port = ${port}\n`,
  });

  async function start(pod: PodRequest): Promise<string> {
    const podId = await runPod(daemon.client, pod);
    const request = { name: 'main', image: busybox, command: ['/bin/sh', '-c', counting] };
    const containerId = await createContainer(daemon.client, podId, pod, request);
    await daemon.client.runtime('StartContainer', { containerId });
    return containerId;
  }

  /** The first lines are in the log: what a monitor has read and not written is lost with it. */
  async function hasBegun(pod: PodRequest): Promise<void> {
    await until('the first lines are in the log', () => readContainerLog(pod, 'main').length === count);
  }

  async function goOn(containerId: string): Promise<void> {
    await daemon.client.runtime('ExecSync', { containerId, cmd: ['touch', '/go'], timeout: 60 });
  }

  async function monitorOf(containerId: string): Promise<number> {
    const { info } = await daemon.client.runtime('ContainerStatus', { containerId, verbose: true });
    return JSON.parse(info?.['info'] ?? '').monitorPid;
  }

  /** The spawner, as soon as there is one that is not `before`. */
  async function spawnerPid(before = 0): Promise<number> {
    let found: number | undefined;
    await until('the daemon has a spawner', () => {
      found = processIds().find((pid) => pid !== before && isSpawner(pid));
      return found !== undefined;
    });
    return found as number;
  }

  function isSpawner(pid: number): boolean {
    try {
      const parent = /\) . (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
      return Number(parent) === daemon.pid && /cria-monitor spawner$/.test(commandOf(pid));
    } catch {
      return false; // it has ended
    }
  }

  async function figure(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return Number(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)$`, 'm').exec(text)?.[1]);
  }

  function assertWhole(pod: PodRequest): void {
    assert.deepEqual(
      readContainerLog(pod, 'main').map(({ text }) => text),
      lines,
    );
  }

  test('the monitor: the container goes on under another, which is told and counted', async () => {
    const pod = daemon.pod('monitor');
    const containerId = await start(pod);
    await hasBegun(pod);
    const monitorPid = await monitorOf(containerId);
    process.kill(monitorPid, 'SIGKILL');
    await goOn(containerId);
    assert.equal(await waitForExit(daemon.client, containerId), 7);
    assertWhole(pod);
    assert.notEqual(await monitorOf(containerId), monitorPid);
    assert.match(daemon.logTail(200), /the monitor of a container died; another one goes on/);
    assert.equal(await figure('cria_monitors_adopted_total'), 1);
    assert.equal(await figure('container_runtime_crio_containers_stopped_monitor_count'), 1);
    const { status } = await daemon.client.runtime('ContainerStatus', { containerId });
    assert.equal(status?.reason, 'Error');
  });

  test('the monitor, after a restart of the daemon', async () => {
    const pod = daemon.pod('restarted');
    const containerId = await start(pod);
    await daemon.kill();
    await daemon.start();
    await hasBegun(pod);
    process.kill(await monitorOf(containerId), 'SIGKILL');
    await goOn(containerId);
    assert.equal(await waitForExit(daemon.client, containerId), 7);
    assertWhole(pod);
  });

  test('the spawner: the next pod starts, the running one is not disturbed, not by the loss of its monitor either', async () => {
    const pod = daemon.pod('before');
    const containerId = await start(pod);
    process.kill(await spawnerPid(), 'SIGKILL');
    const next = daemon.pod('next');
    const nextId = await start(next);
    await hasBegun(pod);
    process.kill(await monitorOf(containerId), 'SIGKILL');
    for (const id of [containerId, nextId]) await goOn(id);
    assert.equal(await waitForExit(daemon.client, containerId), 7);
    assert.equal(await waitForExit(daemon.client, nextId), 7);
    assertWhole(pod);
    assertWhole(next);
    assert.equal(await figure('cria_spawner_restarts_total'), 1);
    assert.match(daemon.logTail(200), /the spawner died; starting it again/);
  });

  test('the spawner, again and again while pods are made: each call succeeds or says so, and nothing is left', async () => {
    let killed = 0;
    for (let at = 0; at < 6; at++) {
      const made = start(daemon.pod(`storm-${at}`)).catch((cause: Error) => cause);
      await sleep(10 * at);
      killed = await spawnerPid(killed);
      process.kill(killed, 'SIGKILL');
      const result = await made;
      if (result instanceof Error) assert.match(result.message, /spawner (ended|died)|lost the monitor/);
    }
  });
});

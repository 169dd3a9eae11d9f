// The native helpers of a daemon are killed: no container, no line of its log and no exit code is lost, and pods go on.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { busybox } from '../harness/daemon.ts';
import { useDaemon } from '../harness/daemon-suite.ts';
import { createContainer, type PodRequest, readContainerLog, runPod, waitForExit } from '../harness/pods.ts';
import { commandOf, processIds } from '../harness/proc.ts';
import { missing } from '../harness/requirements.ts';

const port = 10_000 + (process.pid % 10_000);
const count = 100;
const counting = `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo line $i; sleep 0.02; done; exit 7`;
const lines = Array.from({ length: count }, (_, at) => `line ${at + 1}`);

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

  async function monitorOf(containerId: string): Promise<number> {
    const { info } = await daemon.client.runtime('ContainerStatus', { containerId, verbose: true });
    return JSON.parse(info?.['info'] ?? '').monitorPid;
  }

  /** The spawner, as soon as there is one that is not `before`. */
  async function spawnerPid(before = 0): Promise<number> {
    for (let attempt = 0; attempt < 500; attempt++) {
      const found = processIds().find((pid) => pid !== before && isSpawner(pid));
      if (found !== undefined) return found;
      await sleep(20);
    }
    throw new Error('the daemon has no spawner');
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
    while (readContainerLog(pod, 'main').length === 0) await sleep(10);
    const monitorPid = await monitorOf(containerId);
    process.kill(monitorPid, 'SIGKILL');
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
    await sleep(100);
    process.kill(await monitorOf(containerId), 'SIGKILL');
    assert.equal(await waitForExit(daemon.client, containerId), 7);
    assertWhole(pod);
  });

  test('the spawner: the next pod starts, the running one is not disturbed, not by the loss of its monitor either', async () => {
    const pod = daemon.pod('before');
    const containerId = await start(pod);
    process.kill(await spawnerPid(), 'SIGKILL');
    const next = daemon.pod('next');
    const nextId = await start(next);
    process.kill(await monitorOf(containerId), 'SIGKILL');
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

// Time from nothing to a started container in its pod, and what daemon and monitors cost in memory.

import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestDaemon } from '../harness/daemon.ts';
import { createContainer, removeAllPods, runPod } from '../harness/pods.ts';
import { memoryKiB, processesOf } from '../harness/proc.ts';
import { type Sample, timed } from './measure.ts';

const rounds = 30;
const podsForMemory = 20;
const settleMs = 1_000;

async function startPod(daemon: TestDaemon, image: string, name: string): Promise<string> {
  const pod = daemon.pod(name);
  mkdirSync(pod.logDirectory, { recursive: true });
  const podId = await runPod(daemon.client, pod);
  const container = { name: 'sleeper', image, command: ['sleep', '100000'] };
  const containerId = await createContainer(daemon.client, podId, pod, container);
  await daemon.client.runtime('StartContainer', { containerId });
  return podId;
}

async function removePod(daemon: TestDaemon, podSandboxId: string): Promise<void> {
  await daemon.client.runtime('StopPodSandbox', { podSandboxId });
  await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
}

async function times(daemon: TestDaemon, image: string, handler: string): Promise<Sample[]> {
  const [start, removal]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    let podId = '';
    start.push(
      await timed(async () => {
        podId = await startPod(daemon, image, `pod-${round}`);
      }),
    );
    removal.push(await timed(() => removePod(daemon, podId)));
  }
  return [
    { name: `pod and container to started, ${handler}`, unit: 'ms', values: start },
    { name: `stop and remove the pod, ${handler}`, unit: 'ms', values: removal },
  ];
}

function monitorPids(daemon: TestDaemon): number[] {
  const processes = processesOf(daemon.root, daemon.cgroupParent);
  return processes.filter(({ command }) => /cria-monitor run /.test(command)).map(({ pid }) => pid);
}

async function memory(daemon: TestDaemon, image: string, handler: string): Promise<Sample[]> {
  const figure = (figures: readonly string[]) => [memoryKiB(daemon.pid, figures)];
  await sleep(settleMs);
  const idle = figure(['Rss']);
  for (let pod = 0; pod < podsForMemory; pod++) await startPod(daemon, image, `memory-${pod}`);
  await sleep(settleMs);
  const privateFigures = ['Private_Clean', 'Private_Dirty'];
  const monitors = monitorPids(daemon).map((pid) => memoryKiB(pid, privateFigures));
  const loaded = figure(['Rss']);
  await removeAllPods(daemon.client);
  return [
    { name: `daemon RSS, idle, ${handler}`, unit: 'KiB', values: idle },
    { name: `daemon RSS, ${podsForMemory} pods, ${handler}`, unit: 'KiB', values: loaded },
    { name: `private memory of an idle monitor, ${handler}`, unit: 'KiB', values: monitors },
  ];
}

/** Measures one OCI runtime with a daemon of its own, which is gone afterwards. */
export async function podStart(handler: string): Promise<Sample[]> {
  const daemon = new TestDaemon({ handlers: [handler] });
  try {
    await daemon.start();
    const image = await daemon.loadBusybox();
    await removePod(daemon, await startPod(daemon, image, 'warm-up'));
    return [...(await memory(daemon, image, handler)), ...(await times(daemon, image, handler))];
  } finally {
    await daemon.destroy();
  }
}

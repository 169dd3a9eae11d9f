// What a kubelet asks of pods, as figures: each takes up the pods that the one before it has left.

import { mkdirSync } from 'node:fs';
import { createContainer, runPod } from '../harness/pods.ts';
import { timed } from './measure.ts';
import type { Peer } from './peers.ts';

export interface PodPeer extends Peer {
  /** Sandboxes with one running container each. */
  readonly running: { readonly podId: string; readonly containerId: string }[];
}

const clientsAtOnce = 5;
/** The kubelet asks every second, for months: with a few hundred calls it would be the compiler that is measured. */
const callsPerRound = 100;
const statsPerRound = 20;

async function startPod(peer: PodPeer, name: string): Promise<void> {
  const pod = peer.pod(name);
  mkdirSync(pod.logDirectory, { recursive: true });
  const podId = await runPod(peer.client, pod);
  const container = { name: 'sleeper', image: peer.image, command: ['sleep', '100000'] };
  const containerId = await createContainer(peer.client, podId, pod, container);
  await peer.client.runtime('StartContainer', { containerId });
  peer.running.push({ podId, containerId });
}

let named = 0;

function start(peer: PodPeer): Promise<void> {
  return startPod(peer, `pod-${named++}`);
}

async function stopAndRemove(peer: PodPeer): Promise<void> {
  const pod = peer.running.pop();
  if (pod === undefined) throw new Error(`${peer.name} has no pod left to remove`);
  await peer.client.runtime('StopPodSandbox', { podSandboxId: pod.podId });
  await peer.client.runtime('RemovePodSandbox', { podSandboxId: pod.podId });
}

type Step = (peer: PodPeer) => Promise<unknown>;

/** `count` times, one after the other: the milliseconds of each. */
function each(step: Step, count: number) {
  return async (peer: PodPeer): Promise<number[]> => {
    const times: number[] = [];
    for (let i = 0; i < count; i++) times.push(await timed(() => step(peer)));
    return times;
  };
}

/** `count` times by several clients: the milliseconds until all are done. */
function together(step: Step, count: number) {
  return async (peer: PodPeer): Promise<number[]> => {
    let left = count;
    const client = async (): Promise<void> => {
      while (left-- > 0) await step(peer);
    };
    return [await timed(() => Promise.all(Array.from({ length: clientsAtOnce }, client)))];
  };
}

export const startOneByOne = (count: number) => each(start, count);
export const removeOneByOne = (count: number) => each(stopAndRemove, count);
export const startTogether = (count: number) => together(start, count);
export const removeTogether = (count: number) => together(stopAndRemove, count);

export const listContainers = each(({ client }) => client.runtime('ListContainers', {}), callsPerRound);
export const listPods = each(({ client }) => client.runtime('ListPodSandbox', {}), callsPerRound);
export const listStats = each(({ client }) => client.runtime('ListContainerStats', {}), statsPerRound);
export const containerStatus = each(({ client, running }) => {
  const { containerId = '' } = running[0] ?? {};
  return client.runtime('ContainerStatus', { containerId });
}, callsPerRound);
export const podStatus = each(({ client, running }) => {
  const { podId: podSandboxId = '' } = running[0] ?? {};
  return client.runtime('PodSandboxStatus', { podSandboxId });
}, callsPerRound);

// The few CRI messages that a test or the quickstart needs, and the CRI log format.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PodSandboxConfig } from '../../internal/cri/gen/runtime/v1/PodSandboxConfig.ts';
import type { CriClient } from './cri-client.ts';
import { patienceMs } from './until.ts';

export interface PodRequest {
  readonly name: string;
  readonly logDirectory: string;
  readonly cgroupParent: string;
  /** Empty for the daemon's default. */
  readonly handler: string;
}

export interface ContainerRequest {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly terminal?: boolean;
  /** An input that stays open when a client leaves. */
  readonly stdin?: boolean;
}

export interface LogLine {
  readonly time: string;
  readonly stream: string;
  readonly text: string;
}

/** A pod with its own network, ipc and uts namespaces, as the kubelet asks for one. */
export function podConfig(request: PodRequest): PodSandboxConfig {
  return {
    metadata: { name: request.name, uid: `uid-${request.name}`, namespace: 'default', attempt: 0 },
    hostname: request.name,
    logDirectory: request.logDirectory,
    labels: { app: request.name, ...podLabels(request) },
    linux: {
      cgroupParent: request.cgroupParent,
      securityContext: { namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } },
    },
  };
}

/** By these labels of the kubelet crictl finds the pod of a container. */
function podLabels({ name }: PodRequest): Record<string, string> {
  return {
    'io.kubernetes.pod.name': name,
    'io.kubernetes.pod.namespace': 'default',
    'io.kubernetes.pod.uid': `uid-${name}`,
  };
}

/** Runs a pod's sandbox and returns its id. */
export async function runPod(client: CriClient, request: PodRequest): Promise<string> {
  const config = podConfig(request);
  const { podSandboxId } = await client.runtime('RunPodSandbox', { config, runtimeHandler: request.handler });
  return podSandboxId;
}

/** Creates a container in a pod and returns its id; it logs to `NAME.log` in the pod's log directory. */
export async function createContainer(
  client: CriClient,
  podSandboxId: string,
  pod: PodRequest,
  container: ContainerRequest,
): Promise<string> {
  const { containerId } = await client.runtime('CreateContainer', {
    podSandboxId,
    sandboxConfig: podConfig(pod),
    config: {
      metadata: { name: container.name, attempt: 0 },
      image: { image: container.image },
      command: [...(container.command ?? [])],
      tty: container.terminal ?? false,
      stdin: container.stdin ?? false,
      labels: { 'io.kubernetes.container.name': container.name, ...podLabels(pod) },
      logPath: `${container.name}.log`,
      linux: { securityContext: { namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } } },
    },
  });
  return containerId;
}

/** The pod's first address; empty when it has none. */
export async function podIp(client: CriClient, podSandboxId: string): Promise<string> {
  const { status } = await client.runtime('PodSandboxStatus', { podSandboxId });
  return status?.network?.ip ?? '';
}

/** Waits until the container has exited and returns its exit code. */
export async function waitForExit(
  client: CriClient,
  containerId: string,
  timeoutMs = patienceMs,
): Promise<number> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const { status } = await client.runtime('ContainerStatus', { containerId });
    if (status?.state === 'CONTAINER_EXITED') return status.exitCode;
    if (performance.now() > deadline) {
      throw new Error(`container ${containerId} is ${status?.state} after ${timeoutMs} ms, not exited`);
    }
    await sleep(50);
  }
}

/** Stops and removes every pod that the daemon knows, with its containers. */
export async function removeAllPods(client: CriClient): Promise<number> {
  const { items } = await client.runtime('ListPodSandbox', {});
  for (const { id } of items) {
    await client.runtime('StopPodSandbox', { podSandboxId: id });
    await client.runtime('RemovePodSandbox', { podSandboxId: id });
  }
  return items.length;
}

/** The complete lines of a CRI log file: `TIME STREAM TAGS TEXT`, partial lines (tag P) joined with what follows. */
export function readContainerLog(pod: PodRequest, containerName: string): LogLine[] {
  const lines: LogLine[] = [];
  const partial = new Map<string, string>();
  const content = readFileSync(join(pod.logDirectory, `${containerName}.log`), 'utf8');
  for (const [, time = '', stream = '', tag, text = ''] of content.matchAll(
    /^(\S+) (\S+) ([FP])\S* ([^\n]*)$/gm,
  )) {
    const whole = (partial.get(stream) ?? '') + text;
    partial.set(stream, tag === 'P' ? whole : '');
    if (tag === 'F') lines.push({ time, stream, text: whole });
  }
  return lines;
}

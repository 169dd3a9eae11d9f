// The pods and containers of the node, as the commands for people show and find them.

import type { CriClient } from '../../../internal/cri-client/cri-client.ts';

export interface Pod {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly attempt: number;
  readonly state: 'ready' | 'not-ready';
  readonly createdAt: Date;
  readonly runtimeHandler: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Container {
  readonly id: string;
  readonly name: string;
  readonly attempt: number;
  readonly state: 'created' | 'running' | 'exited' | 'unknown';
  readonly createdAt: Date;
  /** As the pod's author wrote it. */
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly podId: string;
  /** Empty for a container whose pod was just removed. */
  readonly podName: string;
  readonly podNamespace: string;
}

/** What clients have of one container, or for port-forward of one pod. */
export interface Sessions {
  readonly kind: string;
  /** Of the container or the pod. */
  readonly id: string;
  readonly podName: string;
  readonly podNamespace: string;
  /** Undefined for port-forward. */
  readonly container: string | undefined;
  readonly count: number;
}

/** All pods, the newest first. */
export async function listPods(client: CriClient, signal: AbortSignal): Promise<Pod[]> {
  const { items } = await client.call('ListPodSandbox', {}, signal);
  return items
    .map(
      (item): Pod => ({
        id: item.id,
        name: item.metadata?.name ?? '',
        namespace: item.metadata?.namespace ?? '',
        attempt: item.metadata?.attempt ?? 0,
        state: item.state === 'SANDBOX_READY' ? 'ready' : 'not-ready',
        createdAt: dateOf(item.createdAt),
        runtimeHandler: item.runtimeHandler,
        labels: item.labels,
      }),
    )
    .sort(newestFirst);
}

/** All containers, the newest first. */
export async function listContainers(client: CriClient, signal: AbortSignal): Promise<Container[]> {
  const [{ containers }, pods] = await Promise.all([
    client.call('ListContainers', {}, signal),
    listPods(client, signal),
  ]);
  const podOf = new Map(pods.map((pod) => [pod.id, pod]));
  return containers
    .map((item): Container => {
      const pod = podOf.get(item.podSandboxId);
      return {
        id: item.id,
        name: item.metadata?.name ?? '',
        attempt: item.metadata?.attempt ?? 0,
        state: stateOf(item.state),
        createdAt: dateOf(item.createdAt),
        image: item.image?.userSpecifiedImage || item.image?.image || '',
        labels: item.labels,
        podId: item.podSandboxId,
        podName: pod?.name ?? '',
        podNamespace: pod?.namespace ?? '',
      };
    })
    .sort(newestFirst);
}

/** The sessions of the stream server; of what was just removed without its names. */
export async function listSessions(client: CriClient, signal: AbortSignal): Promise<Sessions[]> {
  const [{ info }, containers, pods] = await Promise.all([
    client.call('Status', { verbose: true }, signal),
    listContainers(client, signal),
    listPods(client, signal),
  ]);
  const told: unknown = JSON.parse(info['sessions'] ?? '[]');
  return (told as { kind: string; owner: string; count: number }[]).map(({ kind, owner, count }) => {
    const container = containers.find(({ id }) => id === owner);
    const pod = pods.find(({ id }) => id === (container?.podId ?? owner));
    const names = { podName: pod?.name ?? '', podNamespace: pod?.namespace ?? '' };
    return { kind, id: owner, ...names, container: container?.name, count };
  });
}

function newestFirst(left: { createdAt: Date }, right: { createdAt: Date }): number {
  return right.createdAt.getTime() - left.createdAt.getTime();
}

/** CRI times are nanoseconds since the epoch. */
function dateOf(nanos: string): Date {
  return new Date(Number(BigInt(nanos) / 1_000_000n));
}

function stateOf(state: string): Container['state'] {
  switch (state) {
    case 'CONTAINER_CREATED':
      return 'created';
    case 'CONTAINER_RUNNING':
      return 'running';
    case 'CONTAINER_EXITED':
      return 'exited';
    default:
      return 'unknown';
  }
}

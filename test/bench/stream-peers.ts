// Who serves streams: cria and containerd, each with one container of the same image.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestDaemon } from '../harness/daemon.ts';
import { createContainer, runPod } from '../harness/pods.ts';
import { type Peer, startContainerd, startCria } from './peers.ts';

/** Ports on which the container answers. */
export const ports = { echo: 8001, zeros: 8002 } as const;

export interface StreamPeer extends Peer {
  readonly podId: string;
  readonly containerId: string;
  /** A command line that runs `true` in the container by the OCI runtime alone; undefined for the others. */
  readonly runtimeExec: readonly string[] | undefined;
}

/** `zerosCount`: 64 KiB blocks that a connection to `ports.zeros` gets. */
async function startContainer({ client, image, pod: podOf }: Peer, zerosCount: number) {
  const pod = podOf('streams');
  mkdirSync(pod.logDirectory, { recursive: true });
  const podId = await runPod(client, pod);
  const script = [
    `nc -ll -p ${ports.echo} -e cat &`,
    `nc -ll -p ${ports.zeros} -e dd if=/dev/zero bs=65536 count=${zerosCount} 2>/dev/null &`,
    'exec sleep 1000000',
  ];
  const container = { name: 'streams', image, command: ['sh', '-c', script.join('\n')] };
  const containerId = await createContainer(client, podId, pod, container);
  await client.runtime('StartContainer', { containerId });
  return { podId, containerId };
}

async function withContainer(peer: Peer, zerosCount: number): Promise<StreamPeer> {
  try {
    return { ...peer, ...(await startContainer(peer, zerosCount)), runtimeExec: undefined };
  } catch (cause) {
    await peer.close();
    throw cause;
  }
}

export async function startCriaStreams(daemon: TestDaemon, zerosCount: number): Promise<StreamPeer> {
  const peer = await withContainer(await startCria(daemon), zerosCount);
  const root = join(daemon.root, 'run', 'runc');
  return { ...peer, runtimeExec: ['runc', '--root', root, 'exec', peer.containerId, 'true'] };
}

/** Its network is that of `daemon`, whose bridge and cgroup go when that is destroyed. */
export async function startContainerdStreams(daemon: TestDaemon, zerosCount: number): Promise<StreamPeer> {
  return withContainer(await startContainerd(daemon, 'runc'), zerosCount);
}

// Who serves streams: cria and Debian's containerd, each with one container of the same image under the same OCI runtime.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { attempt, command } from '../harness/command.ts';
import { type CriClient, connect } from '../harness/cri-client.ts';
import type { TestDaemon } from '../harness/daemon.ts';
import { buildBusyboxImage, findStaticBusybox } from '../harness/images.ts';
import { createContainer, type PodRequest, removeAllPods, runPod } from '../harness/pods.ts';
import { processIds } from '../harness/proc.ts';
import { CpuCgroup } from './cpu-cgroup.ts';

/** Ports on which the container answers. */
export const ports = { echo: 8001, zeros: 8002 } as const;

export interface StreamPeer {
  readonly name: string;
  readonly client: CriClient;
  readonly podId: string;
  readonly containerId: string;
  /** The daemon, whose memory counts. */
  readonly pid: number;
  /** Of the daemon, what it starts, and the OCI runtime; not of the containers. */
  readonly cgroup: CpuCgroup;
  /** A command line that runs `true` in the container by the OCI runtime alone; undefined for the others. */
  readonly runtimeExec: readonly string[] | undefined;
  /** As crictl takes it. */
  readonly endpoint: string;
  close(): Promise<void>;
}

const startLimitMs = 20_000;

/** `zerosCount`: 64 KiB blocks that a connection to `ports.zeros` gets. */
async function startContainer(client: CriClient, pod: PodRequest, image: string, zerosCount: number) {
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

/** The state of what runs lies in memory, as on every node: below /run. Whoever removes what is above unmounts it. */
async function mountRunDirectory(path: string): Promise<void> {
  mkdirSync(path, { recursive: true });
  await command(['mount', '-t', 'tmpfs', '-o', 'mode=711', 'run', path]);
}

export async function startCriaStreams(daemon: TestDaemon, zerosCount: number): Promise<StreamPeer> {
  await mountRunDirectory(join(daemon.root, 'run'));
  await daemon.start();
  const cgroup = new CpuCgroup(`${daemon.bridge}-cria`);
  for (const pid of [daemon.pid, ...childrenOf(daemon.pid)]) cgroup.add(pid);
  const image = await daemon.loadBusybox();
  const ids = await startContainer(daemon.client, daemon.pod('streams'), image, zerosCount);
  const root = join(daemon.root, 'run', 'runc');
  return {
    ...{ name: 'cria', client: daemon.client, ...ids, pid: daemon.pid, cgroup },
    runtimeExec: ['runc', '--root', root, 'exec', ids.containerId, 'true'],
    endpoint: `unix://${daemon.paths.socket}`,
    async close() {
      await daemon.destroy();
      await closeCgroup(cgroup);
    },
  };
}

/** Its network is that of `daemon`, whose bridge and cgroup go when that is destroyed. */
export async function startContainerdStreams(daemon: TestDaemon, zerosCount: number): Promise<StreamPeer> {
  const directory = `/var/tmp/${daemon.bridge}-containerd`;
  mkdirSync(directory);
  await mountRunDirectory(join(directory, 'state'));
  const endpoint = join(directory, 'c.sock');
  writeFileSync(join(directory, 'config.toml'), containerdConfig(directory, endpoint, daemon));
  const child = spawn('containerd', ['--config', join(directory, 'config.toml')], { stdio: 'ignore' });
  const cgroup = new CpuCgroup(`${daemon.bridge}-containerd`);
  cgroup.add(child.pid ?? 0);
  const client = connect(endpoint);
  const close = async (): Promise<void> => {
    await removeAllPods(client).catch(() => undefined);
    client.close();
    await endOf(child);
    await attempt([
      'sh',
      '-c',
      `for m in $(awk '$5 ~ "^${directory}/" {print $5}' /proc/self/mountinfo | sort -r); do umount -l $m; done`,
    ]);
    rmSync(directory, { recursive: true, force: true });
    await closeCgroup(cgroup);
  };
  try {
    await answering(client, child);
    const names = { pause: 'localhost/pause:bench', image: 'localhost/busybox:bench' };
    await importImage(directory, endpoint, names.pause, ['sleep', '1000000']);
    await importImage(directory, endpoint, names.image, ['sh']);
    const logDirectory = join(directory, 'logs');
    const pod = { name: 'streams', logDirectory, cgroupParent: daemon.cgroupParent, handler: '' };
    const ids = await startContainer(client, pod, names.image, zerosCount);
    const common = {
      name: 'containerd',
      client,
      ...ids,
      pid: child.pid ?? 0,
      cgroup,
      runtimeExec: undefined,
    };
    return { ...common, endpoint: `unix://${endpoint}`, close };
  } catch (cause) {
    await close();
    throw cause;
  }
}

/** The spawner, from which monitors come. */
function childrenOf(parent: number): number[] {
  const isChild = (pid: number): boolean =>
    attemptRead(`/proc/${pid}/status`).includes(`\nPPid:\t${parent}\n`);
  return processIds().filter(isChild);
}

function attemptRead(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

/** The last processes in it may be on their way out. */
async function closeCgroup(cgroup: CpuCgroup): Promise<void> {
  for (let round = 0; readFileSync(cgroup.procs, 'utf8') !== '' && round < 100; round++) await sleep(50);
  cgroup.close();
}

/** The garbage collection of the start would take what is imported then, before the image is unpacked: it comes later. */
function containerdConfig(directory: string, socket: string, daemon: TestDaemon): string {
  return `version = 2
root = "${directory}/root"
state = "${directory}/state"
[grpc]
address = "${socket}"
[plugins."io.containerd.gc.v1.scheduler"]
startup_delay = "1h"
[plugins."io.containerd.grpc.v1.cri"]
disable_apparmor = true
restrict_oom_score_adj = true
sandbox_image = "localhost/pause:bench"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "${daemon.root}/cni"
`;
}

async function importImage(
  directory: string,
  socket: string,
  name: string,
  cmd: readonly string[],
): Promise<void> {
  const layout = join(directory, 'layout');
  rmSync(layout, { recursive: true, force: true });
  buildBusyboxImage(layout, name, findStaticBusybox() ?? '', cmd);
  await command(['tar', '-C', layout, '-cf', `${layout}.tar`, '.']);
  const ctr = ['ctr', '--address', socket, '--namespace', 'k8s.io', 'images', 'import'];
  await command([...ctr, '--index-name', name, `${layout}.tar`]);
}

async function answering(client: CriClient, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + startLimitMs;
  const isReady = async (): Promise<boolean> => {
    const { status } = await client.runtime('Status', {}, 1_000);
    return status?.conditions.every((condition) => condition.status) ?? false;
  };
  while (!(await isReady().catch(() => false))) {
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error('containerd does not answer: run it by hand with this configuration to see why');
    await sleep(50);
  }
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}

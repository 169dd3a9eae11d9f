// Two daemons that serve the CRI under the same OCI runtime, network and image: cria, and containerd beside it.

import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { attempt, command, findProgram } from '../harness/command.ts';
import type { CriClient } from '../harness/cri-client.ts';
import type { TestDaemon } from '../harness/daemon.ts';
import { type PodRequest, removeAllPods } from '../harness/pods.ts';
import { mountsBelow, processesOf, processIds } from '../harness/proc.ts';
import { Containerd } from './containerd.ts';
import { CpuCgroup } from './cpu-cgroup.ts';

export interface Peer {
  readonly name: string;
  readonly client: CriClient;
  /** As crictl takes it. */
  readonly endpoint: string;
  /** The daemon, whose memory counts. */
  readonly pid: number;
  /** Of the daemon, what it starts, and the OCI runtime; not of the containers. */
  readonly cgroup: CpuCgroup;
  /** A busybox. */
  readonly image: string;
  pod(name: string): PodRequest;
  /** The processes that stand beside containers: monitors or shims. */
  monitors(): number[];
  /** Removes its pods too. */
  close(): Promise<void>;
}

/** The state of what runs lies in memory, as on every node: below /run. Whoever removes what is above unmounts it. */
async function mountRunDirectory(path: string): Promise<void> {
  mkdirSync(path, { recursive: true });
  await command(['mount', '-t', 'tmpfs', '-o', 'mode=711', 'run', path]);
}

export async function startCria(daemon: TestDaemon): Promise<Peer> {
  await mountRunDirectory(join(daemon.root, 'run'));
  await daemon.start();
  const cgroup = new CpuCgroup(`${daemon.bridge}-cria`);
  for (const pid of [daemon.pid, ...childrenOf(daemon.pid)]) cgroup.add(pid);
  const monitors = () =>
    processesOf(daemon.root, daemon.cgroupParent)
      .filter((process) => /cria-monitor run /.test(process.command))
      .map(({ pid }) => pid);
  return {
    ...{ name: 'cria', client: daemon.client, pid: daemon.pid, cgroup, monitors },
    image: await daemon.loadBusybox(),
    endpoint: `unix://${daemon.paths.socket}`,
    pod: (name) => daemon.pod(name),
    async close() {
      await daemon.destroy();
      await closeCgroup(cgroup);
    },
  };
}

/** Its network and the OCI runtime named `runtime` are those of `daemon`, which must be destroyed after it is closed. */
export async function startContainerd(daemon: TestDaemon, runtime: string): Promise<Peer> {
  const directory = `/var/tmp/${daemon.bridge}-containerd`;
  mkdirSync(directory);
  await mountRunDirectory(join(directory, 'state'));
  const cgroup = new CpuCgroup(`${daemon.bridge}-containerd`);
  const image = 'localhost/busybox:bench';
  const clear = async (): Promise<void> => {
    for (const point of mountsBelow(directory).reverse()) await attempt(['umount', '-l', point]);
    rmSync(directory, { recursive: true, force: true });
    await closeCgroup(cgroup);
  };
  let containerd: Containerd | undefined;
  try {
    containerd = await Containerd.start({ directory, cgroup, ...configuration(daemon, runtime) });
    await containerd.ready();
    await containerd.importBusybox(pauseImage, ['sleep', '1000000']);
    await containerd.importBusybox(image, ['sh']);
  } catch (cause) {
    await containerd?.close();
    await clear();
    throw cause;
  }
  const { client, pid, socket } = containerd;
  const own = containerd;
  const monitors = () => processIds().filter((id) => shimOf(socket, id));
  return {
    ...{ name: 'containerd', client, pid, cgroup, image, monitors },
    endpoint: `unix://${socket}`,
    pod: (name) => {
      const logDirectory = join(directory, 'logs', name);
      return { name, logDirectory, cgroupParent: daemon.cgroupParent, handler: '' };
    },
    async close() {
      await removeAllPods(client).catch(() => undefined);
      await own.close();
      await clear();
    },
  };
}

const pauseImage = 'localhost/pause:bench';

/** The garbage collection of the start would take what is imported then, before the image is unpacked: it comes later. */
function configuration(daemon: TestDaemon, runtime: string) {
  const table = 'plugins."io.containerd.grpc.v1.cri"';
  return {
    cri: `restrict_oom_score_adj = true\nsandbox_image = "${pauseImage}"`,
    tables: `[${table}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[${table}.containerd.runtimes.runc.options]
BinaryName = "${findProgram(runtime)}"
[${table}.cni]
bin_dir = "/usr/lib/cni"
conf_dir = "${daemon.root}/cni"
[plugins."io.containerd.gc.v1.scheduler"]
startup_delay = "1h"`,
  };
}

function shimOf(socket: string, pid: number): boolean {
  const argv = attemptRead(`/proc/${pid}/cmdline`).split('\0');
  return /containerd-shim/.test(argv[0] ?? '') && argv.includes(socket);
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

// What pods use now.

import { readFile } from 'node:fs/promises';
import type { CgroupUse } from '../cgroup/cgroup-usage.ts';
import { type ContainerStats, hasUsage, measureContainer } from '../container/container-stats.ts';
import { errnoCode } from '../errors/errno.ts';
import { type InterfaceUse, parseNetDev } from './net-dev.ts';
import type { Sandbox } from './sandbox.ts';
import type { SandboxParts } from './sandbox-parts.ts';

export interface SandboxStats {
  readonly sandbox: Sandbox;
  /** Of the pod's cgroup; undefined where the pod has none of its own. */
  readonly cgroup: CgroupUse | undefined;
  readonly nanoCores: bigint | undefined;
  /** Undefined on the host's network, and without a process that could show the pod's. */
  readonly network: readonly InterfaceUse[] | undefined;
  readonly containers: readonly ContainerStats[];
  /** When it was measured, since the epoch. */
  readonly atNanos: bigint;
}

/** Takes no lock. */
export async function measureSandbox(parts: SandboxParts, sandbox: Sandbox): Promise<SandboxStats> {
  const { cgroups, containers, stats } = parts.containers;
  const { id, cgroupParent } = sandbox.record;
  const living = containers.ofSandbox(id).filter(hasUsage);
  // The default parent is everybody's: what is in it says nothing about one pod.
  const cgroup = cgroupParent === cgroups.parentOf('') ? undefined : cgroups.parentUse(cgroupParent);
  const pid = sandbox.status.infra?.pid ?? living[0]?.status.pid;
  return {
    sandbox,
    cgroup,
    nanoCores: cgroup && stats.rates.next(sandbox, cgroup.cpuNanos),
    network: sandbox.record.config.namespaces.network === 'node' ? undefined : await readNetwork(pid),
    containers: await Promise.all(living.map((container) => measureContainer(parts.containers, container))),
    atNanos: BigInt(Date.now()) * 1_000_000n,
  };
}

/** /proc shows the network of the process that is asked about, not of the one that asks. */
async function readNetwork(pid: number | undefined): Promise<readonly InterfaceUse[] | undefined> {
  if (pid === undefined) return undefined;
  try {
    return parseNetDev(await readFile(`/proc/${pid}/net/dev`, 'utf8'));
  } catch (cause) {
    if (['ENOENT', 'ESRCH', 'EINVAL'].includes(errnoCode(cause) ?? '')) return undefined; // it has ended
    throw cause;
  }
}

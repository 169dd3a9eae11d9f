// UpdateContainerResources: new limits for a living container.

import { DaemonError, describeError } from '../errors/daemon-error.ts';
import type { ResourcesSpec } from '../oci/runtime-spec.ts';
import type { Container } from './container.ts';
import type { LinuxResources } from './container-config.ts';
import type { ContainerParts } from './container-parts.ts';
import { handlerOf } from './handler-of.ts';
import { recordStatus } from './record-status.ts';
import { unlimitedQuota } from './requested-resources.ts';
import { type ResourceDefaults, type ResourceHost, resources } from './spec/resources.ts';
import { applyTuning, withSharedCpus } from './tuned-containers.ts';

/**
 * Applies the limits that `requested` names and leaves the others as they are; afterwards the container's status shows
 * both. Idempotent, and nothing is restarted. `failed-precondition` for a container that has ended, and for a memory limit
 * below what is in use: the kernel would kill instead of shrink (cgroup v2); and for other limits of huge pages. The OOM score of running processes stays.
 */
export async function updateContainerResources(
  parts: ContainerParts,
  idOrPrefix: string,
  requested: LinuxResources,
): Promise<void> {
  const container = parts.containers.get(idOrPrefix);
  await parts.locks.run(container.id, async () => {
    await requireAlive(parts, container);
    const { name, features, minMemoryBytes } = handlerOf(parts, container.metadata);
    if (!features.canUpdate) throw cannotUpdate(container, name);
    const named = mergeResources(container.status.resources, requested);
    const merged = container.metadata.noQuota ? { ...named, cpuQuota: unlimitedQuota } : named;
    const { pidsLimit } = parts.defaults.spec;
    const defaults = { pidsLimit, containerMinMemoryBytes: minMemoryBytes };
    const specOf = (limits: LinuxResources): Limits =>
      limitsOf(withSharedCpus(limits, container.metadata), parts.host, defaults);
    specOf(merged); // refused here, before anything is changed
    requireSameHugepages(container, requested);
    requireRoom(parts, container, merged.memoryLimitBytes);
    const putBack = await parts.cgroups.keepCpuValues({
      pid: container.status.pid,
      containerId: container.id,
    });
    try {
      await setLimits(parts, container, requested.cpuQuota === 0n ? quietAboutQuota(merged) : merged, specOf);
    } catch (cause) {
      const before = limitsToReturnTo(container.status.resources, merged);
      await takeBack(parts, container, () => setLimits(parts, container, before, specOf));
      await takeBack(parts, container, putBack);
      await takeBack(parts, container, () => tuneAgain(parts, container));
      throw cause;
    }
    await recordStatus(parts, container, { ...container.status, resources: merged });
    await tuneAgain(parts, container);
  });
}

type Limits = Omit<ResourcesSpec, 'devices'>;

/** By the runtime; that there is no quota, also under one that cannot write it. */
async function setLimits(
  parts: ContainerParts,
  { id, metadata, status }: Container,
  limits: LinuxResources,
  specOf: (limits: LinuxResources) => Limits,
): Promise<void> {
  const { runtime } = handlerOf(parts, metadata);
  try {
    await runtime.update(id, specOf(limits));
  } catch (cause) {
    if (limits.cpuQuota >= 0n) throw cause;
    if (!(await parts.cgroups.removeOwnQuota({ pid: status.pid, containerId: id }))) throw cause;
    await runtime.update(id, specOf({ ...limits, cpuQuota: 0n }));
  }
}

/** That there is still no quota need not be said. One that there is has to be: runc sets it again with the period. */
function quietAboutQuota(limits: LinuxResources): LinuxResources {
  return limits.cpuQuota < 0n ? { ...limits, cpuQuota: 0n } : limits;
}

function limitsOf(limits: LinuxResources, host: ResourceHost, defaults: ResourceDefaults): Limits {
  const { devices: _, ...spec } = resources(limits, host, defaults, []);
  return spec;
}

/** Its CPUs may be others now, and the runtime has set its quota to what the kubelet knows of. */
async function tuneAgain(parts: ContainerParts, container: Container): Promise<void> {
  if (container.status.state === 'running') await applyTuning(parts, container);
}

/** A runtime that fails at one limit may have set others before. */
async function takeBack(parts: ContainerParts, { id }: Container, step: () => Promise<void>): Promise<void> {
  await step().catch((cause: unknown) => {
    const error = describeError(cause);
    parts.logger.error(
      { containerId: id, error },
      'cannot set the limits of a container back after a failed update',
    );
  });
}

function cannotUpdate({ id }: Container, handler: string): DaemonError {
  const text = `container "${id}" cannot be resized: the OCI runtime of handler "${handler}" has no update`;
  return new DaemonError('failed-precondition', `${text}; a container made anew has the new limits`);
}

async function requireAlive(parts: ContainerParts, { id, status, removing }: Container): Promise<void> {
  let state: string = removing ? 'being removed' : status.state;
  if (state === 'created' || state === 'running') {
    // One whose end nobody has told yet: each runtime says something else of it.
    if (!(await parts.monitors.hasEnded(status))) return;
    state = 'exited';
  }
  const text = `resources of container "${id}" cannot be changed: it is ${state}`;
  throw new DaemonError('failed-precondition', `${text}, only a created or running container can be resized`);
}

/** Kubernetes resizes no huge pages, and runc passes over them in an update without a word. */
function requireSameHugepages({ id, status }: Container, { hugepageLimits }: LinuxResources): void {
  const before = new Map(status.resources.hugepageLimits.map((item) => [item.pageSize, item.limitBytes]));
  const other = hugepageLimits.find((item) => item.limitBytes !== (before.get(item.pageSize) ?? 0n));
  if (other === undefined) return;
  const text = `container "${id}" cannot get a limit of ${other.limitBytes} bytes of ${other.pageSize} huge pages`;
  throw new DaemonError('failed-precondition', `${text}: it is set when a container is made, and stays`);
}

function requireRoom(parts: ContainerParts, container: Container, limit: bigint): void {
  if (limit <= 0n || limit === container.status.resources.memoryLimitBytes) return;
  const { cgroupParent } = container.metadata;
  const used = parts.cgroups.containerUse(cgroupParent, container.id)?.memory.workingSetBytes;
  if (used === undefined || used <= limit) return;
  const text = `memory limit of container "${container.id}" cannot be set to ${limit} bytes: ${used} bytes are in use`;
  throw new DaemonError('failed-precondition', text);
}

/**
 * What is in force after an update. A zero or empty value says nothing, as in the CRI. A new memory limit comes with its
 * swap limit, which is no swap where it is not named, as in CRI-O and containerd: the old one belonged to the old limit. Limits of
 * huge pages stay.
 */
export function mergeResources(before: LinuxResources, requested: LinuxResources): LinuxResources {
  const memory = requested.memoryLimitBytes !== 0n ? requested : before;
  return {
    cpuPeriod: requested.cpuPeriod || before.cpuPeriod,
    cpuQuota: requested.cpuQuota || before.cpuQuota,
    cpuShares: requested.cpuShares || before.cpuShares,
    memoryLimitBytes: memory.memoryLimitBytes,
    memorySwapLimitBytes: requested.memorySwapLimitBytes || memory.memorySwapLimitBytes,
    oomScoreAdj: before.oomScoreAdj,
    cpusetCpus: requested.cpusetCpus || before.cpusetCpus,
    cpusetMems: requested.cpusetMems || before.cpusetMems,
    hugepageLimits: before.hugepageLimits,
    unified: { ...before.unified, ...requested.unified },
  };
}

/** What leads back to `before` from `after`: a limit that there was not is named too, by the kernel's value for none. */
export function limitsToReturnTo(before: LinuxResources, after: LinuxResources): LinuxResources {
  const back = (was: bigint, is: bigint, none: bigint): bigint => (was === 0n && is !== 0n ? none : was);
  return {
    ...before,
    cpuQuota: back(before.cpuQuota, after.cpuQuota, unlimitedQuota),
    cpuPeriod: back(before.cpuPeriod, after.cpuPeriod, 100_000n), // sched-bwc
    cpuShares: back(before.cpuShares, after.cpuShares, 1024n), // sched-design-CFS
    memoryLimitBytes: back(before.memoryLimitBytes, after.memoryLimitBytes, -1n),
  };
}

import { DaemonError } from '../../errors/daemon-error.ts';
import type {
  CpuSpec,
  DeviceCgroupRule,
  HugepageLimitSpec,
  MemorySpec,
  ResourcesSpec,
} from '../../oci/runtime-spec.ts';
import type { LinuxResources } from '../container-config.ts';
import type { HostFacts, SpecDefaults } from './spec-input.ts';

export type ResourceHost = Pick<HostFacts, 'cgroupV2' | 'swapAccounting' | 'hugetlbPageSizes'>;
export type ResourceDefaults = Pick<SpecDefaults, 'pidsLimit' | 'containerMinMemoryBytes'>;

/**
 * The cgroup's limits. The kubelet names every size of huge pages with 0 where the pod asks for none: a size that the machine
 * cannot limit is left out then, and refused for a pod that does ask.
 */
export function resources(
  requested: LinuxResources,
  host: ResourceHost,
  defaults: ResourceDefaults,
  devices: readonly DeviceCgroupRule[],
): ResourcesSpec {
  const cpu = cpuOf(requested);
  const memory = memoryOf(requested, host, defaults.containerMinMemoryBytes);
  const hugepageLimits = hugepagesOf(requested.hugepageLimits, host.hugetlbPageSizes);
  const unified = unifiedOf(requested.unified, host.cgroupV2);
  return {
    devices,
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...(Object.keys(memory).length > 0 && { memory }),
    ...(defaults.pidsLimit > 0 && { pids: { limit: defaults.pidsLimit } }),
    ...(hugepageLimits.length > 0 && { hugepageLimits }),
    ...(Object.keys(unified).length > 0 && { unified }),
  };
}

/** What need not be said of a new cgroup: it has no quota, and crun 1.8 cannot write -1 on cgroup v1. */
export function ofNewCgroup(requested: LinuxResources): LinuxResources {
  return requested.cpuQuota < 0n ? { ...requested, cpuQuota: 0n } : requested;
}

/** Within what the kernel takes from the daemon: lowering below its own minimum is EACCES without CAP_SYS_RESOURCE. */
export function oomScoreAdj(requested: number, lowest: number): number {
  return Math.min(1000, Math.max(requested, lowest, -1000));
}

function cpuOf(requested: LinuxResources): CpuSpec {
  const { cpuShares, cpuQuota, cpuPeriod, cpusetCpus, cpusetMems } = requested;
  return {
    ...(cpuShares !== 0n && { shares: sharesOf(cpuShares) }),
    ...(cpuQuota !== 0n && { quota: quotaOf(cpuQuota) }),
    ...(cpuPeriod !== 0n && { period: periodOf(cpuPeriod) }),
    ...(cpusetCpus !== '' && { cpus: cpuList('cpuset_cpus', cpusetCpus) }),
    ...(cpusetMems !== '' && { mems: cpuList('cpuset_mems', cpusetMems) }),
  };
}

/** The kernel takes a millisecond and more (sched-bwc). */
function quotaOf(requested: bigint): number {
  const quota = exact('cpu_quota', requested, -1n);
  if (quota >= 0 && quota < 1000)
    throw new DaemonError(
      'invalid-argument',
      `cpu_quota ${quota} is neither -1 nor 1000 and more microseconds`,
    );
  return quota;
}

/** From a millisecond to a second (sched-bwc). */
function periodOf(requested: bigint): number {
  const period = exact('cpu_period', requested);
  if (period < 1000 || period > 1_000_000)
    throw new DaemonError(
      'invalid-argument',
      `cpu_period ${period} is not from 1000 to 1000000 microseconds`,
    );
  return period;
}

/** Within the kernel's bounds (sched-design-CFS): runc refuses what is out of them, or has other weights made of it by overflow. */
function sharesOf(requested: bigint): number {
  return Math.min(262_144, Math.max(2, exact('cpu_shares', requested)));
}

/** Swap counts memory and swap together. Without a word about it there is none: it equals the memory limit. */
function memoryOf(requested: LinuxResources, host: ResourceHost, minimum: number): MemorySpec {
  const limit = exact('memory_limit_in_bytes', requested.memoryLimitBytes, -1n);
  const swap = exact('memory_swap_limit_in_bytes', requested.memorySwapLimitBytes, -1n);
  if (limit > 0 && limit < minimum) {
    throw new DaemonError(
      'invalid-argument',
      `memory limit of ${limit} bytes is below ${minimum}, the container_min_memory of the runtime handler`,
    );
  }
  if (swap > 0 && (limit <= 0 || swap < limit)) {
    throw new DaemonError(
      'invalid-argument',
      `memory and swap limit ${swap} is below the memory limit or without one`,
    );
  }
  if (limit === 0) return {};
  return host.swapAccounting ? { limit, swap: swap === 0 ? limit : swap } : { limit };
}

function hugepagesOf(
  requested: LinuxResources['hugepageLimits'],
  available: readonly string[],
): HugepageLimitSpec[] {
  return requested.flatMap(({ pageSize, limitBytes }) => {
    if (available.includes(pageSize))
      return [{ pageSize, limit: exact(`limit of ${pageSize} pages`, limitBytes) }];
    if (limitBytes === 0n) return [];
    const sizes = available.length === 0 ? 'no hugetlb cgroup controller' : `only ${available.join(', ')}`;
    const text = `huge pages of ${pageSize} cannot be limited to ${limitBytes} bytes: this host has ${sizes}`;
    throw new DaemonError('failed-precondition', text);
  });
}

function unifiedOf(
  requested: Readonly<Record<string, string>>,
  cgroupV2: boolean,
): Readonly<Record<string, string>> {
  const entries = Object.entries(requested);
  if (entries.length > 0 && !cgroupV2) {
    throw new DaemonError(
      'failed-precondition',
      'unified resources need cgroup v2, which this host does not have',
    );
  }
  for (const [file, value] of entries) {
    // The key names a file of the cgroup directory: nothing but a plain name of a controller's file may get through. Those of
    // the cgroup itself are no limits: `cgroup.procs` would take any process of the host in, `cgroup.kill` end them.
    if (!/^(?!cgroup\.)[a-z0-9_]+(\.[A-Za-z0-9_]+)+$/.test(file) || /[\n\0]/.test(value)) {
      throw new DaemonError('invalid-argument', `unified resource ${JSON.stringify(file)} is not valid`);
    }
  }
  return requested;
}

function cpuList(field: string, text: string): string {
  const ranges = text.split(',').map((range) => /^(\d+)(?:-(\d+))?$/.exec(range));
  if (ranges.every((range) => range !== null && Number(range[1]) <= Number(range[2] ?? range[1])))
    return text;
  throw new DaemonError('invalid-argument', `${field} ${JSON.stringify(text)} is not a list such as 0-3,7`);
}

function exact(field: string, value: bigint, lowest = 0n): number {
  if (value < lowest || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new DaemonError('invalid-argument', `${field} ${value} is out of range`);
  }
  return Number(value);
}

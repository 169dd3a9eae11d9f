// What this machine and the daemon's own rights allow, found out once at the start instead of guessed.

import { readFile, statfs } from 'node:fs/promises';
import { arch, release } from 'node:os';
import { listDirectory } from '../fs/directories.ts';
import { kernelCapabilities } from '../sys/capabilities.ts';
import type { HostFacts } from './spec/spec-input.ts';

/** Magic number of cgroup2 in statfs(2). */
const cgroup2Magic = 0x63677270;

/** Probes the machine. `recursiveReadOnlyMounts` is the runtime handler's and is added per container. */
export async function probeHost(): Promise<Omit<HostFacts, 'recursiveReadOnlyMounts'>> {
  const cgroupV2 = (await statfs('/sys/fs/cgroup')).type === cgroup2Magic;
  const status = await readFile('/proc/self/status', 'utf8');
  const boundingCapabilities = capabilitiesOf(maskOf(status, 'CapBnd'));
  return {
    architecture: arch() === 'arm64' ? 'arm64' : 'amd64',
    kernelVersion: kernelVersion(release()),
    cgroupV2,
    swapAccounting: await hasSwapAccounting(cgroupV2),
    hugetlbPageSizes: await hugetlbPageSizes(cgroupV2),
    boundingCapabilities,
    // Lowering the score below one's own needs CAP_SYS_RESOURCE (proc(5)).
    oomScoreAdjMin: capabilitiesOf(maskOf(status, 'CapEff')).includes('CAP_SYS_RESOURCE')
      ? -1000
      : Number((await readFile('/proc/self/oom_score_adj', 'utf8')).trim()),
  };
}

/** `6.18.44-x` is 6018. */
export function kernelVersion(text: string): number {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(text) ?? [];
  return Number(major) * 1000 + Number(minor);
}

function maskOf(status: string, field: string): bigint {
  const [, hex = '0'] = new RegExp(`^${field}:\\s*([0-9a-f]+)$`, 'm').exec(status) ?? [];
  return BigInt(`0x${hex}`);
}

/** Names of the capabilities in a mask, in the kernel's order; bits without a name here are left out. */
export function capabilitiesOf(mask: bigint): string[] {
  return kernelCapabilities.filter((_, bit) => (mask >> BigInt(bit)) & 1n);
}

async function hasSwapAccounting(cgroupV2: boolean): Promise<boolean> {
  const files = cgroupV2
    ? ['/sys/fs/cgroup/init.scope/memory.swap.max', '/sys/fs/cgroup/system.slice/memory.swap.max']
    : ['/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes'];
  for (const file of files) {
    if ((await readText(file)) !== '') return true;
  }
  return false;
}

/** `hugepages-2048kB` is `2MB`, as the OCI spec and the kubelet write it. Empty without a hugetlb controller. */
async function hugetlbPageSizes(cgroupV2: boolean): Promise<string[]> {
  const isThere = cgroupV2
    ? (await readText('/sys/fs/cgroup/cgroup.controllers')).includes('hugetlb')
    : hasHugetlbV1(await readFile('/proc/self/mounts', 'utf8'));
  if (!isThere) return [];
  const directories = await listDirectory('/sys/kernel/mm/hugepages');
  return directories.flatMap((name) => {
    const kib = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1] ?? 0);
    if (kib === 0) return [];
    if (kib % (1024 * 1024) === 0) return [`${kib / (1024 * 1024)}GB`];
    return [kib % 1024 === 0 ? `${kib / 1024}MB` : `${kib}KB`];
  });
}

/** Whether /proc/self/mounts has the controller of v1 where OCI runtimes look for it; mounted elsewhere it is of no use to them. */
export function hasHugetlbV1(mounts: string): boolean {
  return /^\S+ \/sys\/fs\/cgroup\/\S+ cgroup \S*\bhugetlb\b/m.test(mounts);
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

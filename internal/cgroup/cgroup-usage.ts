// What a cgroup has used, from the files of cgroup v1 or v2. The files are read synchronously: they lie in the kernel's
// memory, and a trip through the thread pool costs several times the read.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoCode } from '../errors/errno.ts';
import type { CgroupMount } from './hierarchy.ts';

export interface MemoryUse {
  readonly usageBytes: bigint;
  /** Usage without the file pages that the kernel drops first: what the kubelet evicts by. */
  readonly workingSetBytes: bigint;
  readonly rssBytes: bigint;
  readonly pageFaults: bigint;
  readonly majorPageFaults: bigint;
  /** Undefined: no limit. */
  readonly limitBytes: bigint | undefined;
  /** Swap alone; undefined where the kernel does not count it. */
  readonly swap: { readonly usageBytes: bigint; readonly limitBytes: bigint | undefined } | undefined;
}

export interface CgroupUse {
  /** When the files were read, since the epoch. */
  readonly atNanos: bigint;
  readonly cpuNanos: bigint;
  readonly memory: MemoryUse;
  /** Processes and threads, as the pids controller counts; undefined without it. */
  readonly tasks: bigint | undefined;
  /** The texts of the pressure files (PSI); undefined where there are none. */
  readonly pressure: { readonly cpu: string; readonly memory: string; readonly io: string } | undefined;
}

/** A value above this is the kernel's way to say «no limit» in v1: the largest page-aligned 63-bit number. */
const unlimitedFrom = 2n ** 62n;

/** Undefined when the cgroup is gone or its controllers are not there. `path` is below the hierarchies' mount points. */
export function readCgroupUse(mounts: readonly CgroupMount[], path: string): CgroupUse | undefined {
  const v1 = (controller: string): string | undefined => {
    const mount = mounts.find(({ controllers }) => controllers?.includes(controller));
    return mount && join(mount.path, path);
  };
  const unified = mounts.find(({ controllers }) => controllers === undefined);
  const [cpuacct, memory, pids] = [v1('cpuacct'), v1('memory'), v1('pids')];
  try {
    if (cpuacct !== undefined && memory !== undefined) return readV1(cpuacct, memory, pids);
    return unified && readV2(join(unified.path, path));
  } catch (cause) {
    // ENODEV: an open file of a cgroup that was removed meanwhile.
    if (['ENOENT', 'ENODEV'].includes(errnoCode(cause) ?? '')) return undefined;
    throw cause;
  }
}

function readV1(cpuacct: string, memory: string, pids: string | undefined): CgroupUse {
  const atNanos = BigInt(Date.now()) * 1_000_000n;
  const cpuNanos = readNumber(join(cpuacct, 'cpuacct.usage'));
  const stat = readTable(join(memory, 'memory.stat'));
  const usageBytes = readNumber(join(memory, 'memory.usage_in_bytes'));
  const limit = stat('hierarchical_memory_limit');
  const withSwap = stat('hierarchical_memsw_limit');
  const swapLimit = withSwap >= unlimitedFrom || limit >= unlimitedFrom ? undefined : withSwap - limit;
  return {
    atNanos,
    cpuNanos,
    memory: {
      usageBytes,
      workingSetBytes: atLeastZero(usageBytes - stat('total_inactive_file')),
      rssBytes: stat('total_rss'),
      pageFaults: stat('total_pgfault'),
      majorPageFaults: stat('total_pgmajfault'),
      limitBytes: limit >= unlimitedFrom ? undefined : limit,
      swap: withSwap === 0n ? undefined : { usageBytes: stat('total_swap'), limitBytes: swapLimit },
    },
    tasks: pids === undefined ? undefined : optional(() => readNumber(join(pids, 'pids.current'))),
    pressure: undefined,
  };
}

function readV2(directory: string): CgroupUse {
  const file = (name: string): string => join(directory, name);
  const atNanos = BigInt(Date.now()) * 1_000_000n;
  const cpuNanos = readTable(file('cpu.stat'))('usage_usec') * 1000n;
  const stat = readTable(file('memory.stat'));
  const usageBytes = readNumber(file('memory.current'));
  return {
    atNanos,
    cpuNanos,
    memory: {
      usageBytes,
      workingSetBytes: atLeastZero(usageBytes - stat('inactive_file')),
      rssBytes: stat('anon'),
      pageFaults: stat('pgfault'),
      majorPageFaults: stat('pgmajfault'),
      limitBytes: readLimit(file('memory.max')),
      swap: optional(() => ({
        usageBytes: readNumber(file('memory.swap.current')),
        limitBytes: readLimit(file('memory.swap.max')),
      })),
    },
    tasks: optional(() => readNumber(file('pids.current'))),
    pressure: optional(() => ({
      cpu: readText(file('cpu.pressure')),
      memory: readText(file('memory.pressure')),
      io: readText(file('io.pressure')),
    })),
  };
}

function readText(path: string): string {
  return readFileSync(path, 'utf8');
}

function readNumber(path: string): bigint {
  return BigInt(readText(path).trim());
}

function readLimit(path: string): bigint | undefined {
  const text = readText(path).trim();
  return text === 'max' ? undefined : BigInt(text);
}

/** The numbers of a file with lines such as `pgfault 12`; 0 for a name that is not there. */
function readTable(path: string): (name: string) => bigint {
  const text = `\n${readText(path)}`;
  return (name) => {
    const at = text.indexOf(`\n${name} `);
    if (at < 0) return 0n;
    const start = at + name.length + 2;
    return BigInt(text.slice(start, text.indexOf('\n', start)));
  };
}

/** Undefined for a file that this kernel does not have, or that may not be read now (EOPNOTSUPP: PSI is off). */
function optional<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (cause) {
    if (['ENOENT', 'EOPNOTSUPP', 'ENODEV'].includes(errnoCode(cause) ?? '')) return undefined;
    throw cause;
  }
}

function atLeastZero(value: bigint): bigint {
  return value > 0n ? value : 0n;
}

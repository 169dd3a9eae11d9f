// What the kernel holds a process to, read from its cgroup of either version.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isUnified } from './cgroup-parent.ts';

export interface CgroupLimits {
  /** Infinity: none. */
  readonly memoryBytes: number;
  /** Memory and swap together; undefined where the kernel does not count swap, infinity: none. */
  readonly memoryAndSwapBytes: number | undefined;
  /** Microseconds; -1: none. */
  readonly cpuQuota: number;
  readonly cpuPeriod: number;
  /** Shares on v1, the weight on v2: see `cpuPart`. */
  readonly cpuPart: number;
  /** Those in force where the cgroup says nothing (v2). */
  readonly cpus: string;
  readonly mems: string;
  readonly pids: number;
}

/** v1 calls it no limit from half of the address space on, rounded down to pages. */
const v1Unlimited = 2 ** 62;

/** What stands for CPU shares: runc's and crun's first formula for the weight, of 2 to 262144 shares in 1 to 10000. */
export function cpuPart(shares: number): number {
  return isUnified ? 1 + Math.floor(((shares - 2) * 9999) / 262142) : shares;
}

function directoryOf(pid: number, controller: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
  const name = isUnified ? '' : controller;
  const line = lines.find((text) => text.split(':')[1]?.split(',').includes(name));
  const [, mount = '', path = ''] = line?.split(':') ?? [];
  return join('/sys/fs/cgroup', mount, path);
}

function amount(text: string): number {
  const number = text === 'max' ? Number.POSITIVE_INFINITY : Number(text);
  return number >= v1Unlimited ? Number.POSITIVE_INFINITY : number;
}

export function limitsOf(pid: number): CgroupLimits {
  const read = (controller: string, file: string): string =>
    readFileSync(join(directoryOf(pid, controller), file), 'utf8').trim();
  const has = (controller: string, file: string): boolean =>
    existsSync(join(directoryOf(pid, controller), file));
  const common = {
    cpus: read('cpuset', 'cpuset.cpus') || read('cpuset', 'cpuset.cpus.effective'),
    mems: read('cpuset', 'cpuset.mems') || read('cpuset', 'cpuset.mems.effective'),
    pids: amount(read('pids', 'pids.max')),
  };
  if (!isUnified) {
    const swap = 'memory.memsw.limit_in_bytes';
    return {
      ...common,
      memoryBytes: amount(read('memory', 'memory.limit_in_bytes')),
      memoryAndSwapBytes: has('memory', swap) ? amount(read('memory', swap)) : undefined,
      cpuQuota: Number(read('cpu', 'cpu.cfs_quota_us')),
      cpuPeriod: Number(read('cpu', 'cpu.cfs_period_us')),
      cpuPart: Number(read('cpu', 'cpu.shares')),
    };
  }
  const [quota = '', period = ''] = read('cpu', 'cpu.max').split(' ');
  const memoryBytes = amount(read('memory', 'memory.max'));
  const swapFile = 'memory.swap.max';
  return {
    ...common,
    memoryBytes,
    memoryAndSwapBytes: has('memory', swapFile) ? memoryBytes + amount(read('memory', swapFile)) : undefined,
    cpuQuota: quota === 'max' ? -1 : Number(quota),
    cpuPeriod: Number(period),
    cpuPart: Number(read('cpu', 'cpu.weight')),
  };
}

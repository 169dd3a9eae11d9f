// The CFS quota of a cgroup, of either version (sched-bwc.rst; cgroup-v2.rst, "cpu.max").

import { join } from 'node:path';
import { readValue, writeValue } from './node-files.ts';

const v1Name = 'cpu.cfs_quota_us';

export interface CpuQuota {
  /** Microseconds in each period; undefined for no limit. */
  readonly quota: number | undefined;
  readonly period: number;
}

export function quotaFile(version: 1 | 2, directory: string): string {
  return join(directory, version === 1 ? v1Name : 'cpu.max');
}

/** Undefined when the cgroup is gone, or the kernel has no quotas. */
export async function readQuota(file: string): Promise<CpuQuota | undefined> {
  const text = await readValue(file);
  if (text === undefined) return undefined;
  if (!file.endsWith(v1Name)) {
    const [quota = 'max', period = '100000'] = text.split(' ');
    return { quota: quota === 'max' ? undefined : Number(quota), period: Number(period) };
  }
  const period = await readValue(file.replace(/quota_us$/, 'period_us'));
  return { quota: Number(text) < 0 ? undefined : Number(text), period: Number(period ?? '100000') };
}

export async function writeQuota(file: string, quota: number, period: number): Promise<void> {
  await writeValue(file, file.endsWith(v1Name) ? `${quota}` : `${quota} ${period}`);
}

// What a container's cgroup says of CPUs, kept over a change that may fail half-way. An OCI runtime can say which CPUs there are to
// be, but not that there is to be no word about it, as in a cgroup v2 that takes its parent's; nor the weight of a cgroup v2 that
// nobody has given one, which no number of shares stands for; and crun 1.8 cannot write on v1 that there is no quota.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoCode } from '../errors/errno.ts';
import { findPlace, type PlacedProcess } from './cgroup-place.ts';
import type { CgroupMount } from './hierarchy.ts';

interface Kept {
  readonly path: string;
  readonly text: string;
  /** What leads back to it. */
  readonly written: string;
}

const cpuFiles = { 1: ['cpu.cfs_quota_us', 'cpu.shares'], 2: ['cpu.max', 'cpu.weight'] } as const;
const cpusetFiles = ['cpuset.cpus', 'cpuset.mems'] as const;

/** Reads the files now; what it gives writes back those that are others by then. */
export async function keepCpuValues(
  mounts: readonly CgroupMount[],
  process: PlacedProcess,
): Promise<() => Promise<void>> {
  const [cpu, cpuset] = [await findPlace(mounts, process, 'cpu'), await findPlace(mounts, process, 'cpuset')];
  const kept = await Promise.all([
    ...(cpu === undefined ? [] : cpuFiles[cpu.version].map((name) => keep(join(cpu.own[0] ?? '', name)))),
    ...(cpuset === undefined ? [] : cpusetFiles.map((name) => keepList(join(cpuset.own[0] ?? '', name)))),
  ]);
  return async () => {
    for (const value of kept) {
      if (value === undefined || (await textOf(value.path)) === value.text) continue;
      await writeFile(value.path, value.written);
    }
  };
}

async function keep(path: string): Promise<Kept | undefined> {
  const text = await textOf(path);
  return text === undefined ? undefined : { path, text, written: text };
}

/** A cgroup with processes that once had a list takes no empty one any more (cpuset.c, validate_change): then what was in force. */
async function keepList(path: string): Promise<Kept | undefined> {
  const kept = await keep(path);
  if (kept === undefined || kept.text.trim() !== '') return kept;
  return { ...kept, written: (await textOf(`${path}.effective`)) ?? kept.text };
}

/** Undefined for a file that is not there, as in a cgroup to which the one above gives no cpuset. */
async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (['ENOENT', 'ENODEV'].includes(errnoCode(cause) ?? '')) return undefined;
    throw cause;
  }
}

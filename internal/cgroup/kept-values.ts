// What a container's cgroup says of CPUs, kept over a change that may fail half-way. An OCI runtime can say which CPUs there are to
// be, but not that there is to be no word about it, as in a cgroup v2 that takes its parent's; and crun 1.8 cannot write on v1
// that there is no quota.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoCode } from '../errors/errno.ts';
import { findPlace, type PlacedProcess } from './cgroup-place.ts';
import type { CgroupMount } from './hierarchy.ts';

interface Kept {
  readonly path: string;
  readonly text: string;
}

/** Reads the files now; what it gives writes back those that are others by then. */
export async function keepCpuValues(
  mounts: readonly CgroupMount[],
  process: PlacedProcess,
): Promise<() => Promise<void>> {
  const [cpu, cpuset] = [await findPlace(mounts, process, 'cpu'), await findPlace(mounts, process, 'cpuset')];
  const files = [
    ...(cpuset === undefined
      ? []
      : ['cpuset.cpus', 'cpuset.mems'].map((name) => join(cpuset.own[0] ?? '', name))),
    ...(cpu === undefined
      ? []
      : [join(cpu.own[0] ?? '', cpu.version === 1 ? 'cpu.cfs_quota_us' : 'cpu.max')]),
  ];
  const kept = (await Promise.all(files.map(keep))).filter((value) => value !== undefined);
  return async () => {
    for (const { path, text } of kept) if ((await keep(path))?.text !== text) await writeFile(path, text);
  };
}

/** Undefined for a file that is not there, as in a cgroup to which the one above gives no cpuset. */
async function keep(path: string): Promise<Kept | undefined> {
  try {
    return { path, text: await readFile(path, 'utf8') };
  } catch (cause) {
    if (['ENOENT', 'ENODEV'].includes(errnoCode(cause) ?? '')) return undefined;
    throw cause;
  }
}

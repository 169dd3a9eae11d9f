// Where a container's processes are among the cgroups that bind them to CPUs.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isENOENT } from '../errors/errno.ts';
import type { CgroupMount } from './hierarchy.ts';

export interface CpusetPlace {
  readonly version: 1 | 2;
  /** The directory of the whole hierarchy. */
  readonly root: string;
  /** The directories below it as far as the container's, from the top down. */
  readonly above: readonly string[];
  /** The container's directory, and the ones below it in which the OCI runtime has put its process (crun). */
  readonly own: readonly string[];
}

/** Undefined when there is no such process, or the kernel has no cpusets. The container's directory has its id in its name. */
export async function findCpuset(
  mounts: readonly CgroupMount[],
  pid: number,
  containerId: string,
): Promise<CpusetPlace | undefined> {
  try {
    const v2 = mounts.find(({ controllers }) => controllers === undefined);
    const controllers = v2 === undefined ? '' : await readFile(join(v2.path, 'cgroup.controllers'), 'utf8');
    const withCpuset = controllers.trim().split(' ').includes('cpuset') ? v2?.path : undefined;
    return cpusetPlace(mounts, withCpuset, {
      text: await readFile(`/proc/${pid}/cgroup`, 'utf8'),
      containerId,
    });
  } catch (cause) {
    if (isENOENT(cause)) return undefined;
    throw cause;
  }
}

/** The same of the text of /proc/PID/cgroup (cgroups(7)); `v2` is where cgroup v2 is, if that has the cpusets. */
export function cpusetPlace(
  mounts: readonly CgroupMount[],
  v2: string | undefined,
  { text, containerId }: { readonly text: string; readonly containerId: string },
): CpusetPlace | undefined {
  const v1 = mounts.find(({ controllers }) => controllers?.includes('cpuset'))?.path;
  const root = v1 ?? v2;
  const lines = text.split('\n').map((line) => /^\d+:([^:]*):(.*)$/.exec(line));
  const found = lines.find((line) =>
    v1 === undefined ? line?.[1] === '' : line?.[1]?.split(',').includes('cpuset'),
  );
  if (root === undefined || found?.[2] === undefined) return undefined;
  const names = found[2].split('/').filter((name) => name !== '');
  const directories = names.map((_, index) => join(root, ...names.slice(0, index + 1)));
  const named = names.findIndex((name) => name.includes(containerId));
  const at = named < 0 ? names.length - 1 : named;
  if (at < 0) return undefined;
  return {
    version: v1 === undefined ? 2 : 1,
    root,
    above: directories.slice(0, at),
    own: directories.slice(at),
  };
}

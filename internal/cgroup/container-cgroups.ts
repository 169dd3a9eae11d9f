// The cgroups of a container in which its exec monitors can be: those that account and limit, not those by which a container is
// frozen and killed.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoCode } from '../errors/errno.ts';
import type { CgroupMount } from './hierarchy.ts';

/**
 * Of v1. A runtime lists a container's processes by `devices` when it kills it, and freezes it by `freezer`: a monitor in
 * there could report neither the end of its command nor a timeout.
 */
const notForMonitors = new Set(['devices', 'freezer']);

export class ContainerCgroups {
  readonly #mounts: readonly CgroupMount[];

  constructor(mounts: readonly CgroupMount[]) {
    this.#mounts = mounts;
  }

  /** Where the container's init is now; none when that is outside of the container's cgroup, undefined when it has ended. */
  async of(containerId: string, initPid: number): Promise<readonly string[] | undefined> {
    try {
      const list = await readFile(`/proc/${initPid}/cgroup`, 'utf8');
      return cgroupsOfContainer(list, containerId, this.#mounts);
    } catch (cause) {
      if (errnoCode(cause) === 'ENOENT' || errnoCode(cause) === 'ESRCH') return undefined;
      throw cause;
    }
  }
}

/** The directories by `/proc/PID/cgroup`. A path that lacks the id is not the container's, or of a pid that is another's by now. */
export function cgroupsOfContainer(
  list: string,
  containerId: string,
  mounts: readonly CgroupMount[],
): string[] {
  return list.split('\n').flatMap((line) => {
    const [, names = '', ...rest] = line.split(':');
    const path = rest.join(':');
    const mount = mountOf(names === '' ? [] : names.split(','), mounts);
    const isOfContainer = path.includes(containerId) && !path.split('/').includes('..');
    return mount !== undefined && isOfContainer ? [join(mount.path, path)] : [];
  });
}

/** Undefined for what no monitor joins: also systemd's own hierarchy, and cgroup v2 beside v1, which has no controllers. */
function mountOf(names: readonly string[], mounts: readonly CgroupMount[]): CgroupMount | undefined {
  const isV1 = mounts.some(({ controllers }) => controllers !== undefined);
  if (names.length === 0) return isV1 ? undefined : mounts[0];
  if (names.some((name) => notForMonitors.has(name) || name.includes('='))) return undefined;
  return mounts.find(({ controllers }) => names.every((name) => controllers?.includes(name)));
}

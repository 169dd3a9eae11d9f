// The cgroups of a container in which its exec monitors can be: those that account and limit, not those by which a container is
// frozen and killed.

import { join } from 'node:path';
import type { CgroupMount } from './hierarchy.ts';
import { isOfContainer, parseProcessCgroups, readProcessCgroups } from './process-cgroups.ts';

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
    const list = await readProcessCgroups(initPid);
    return list === undefined ? undefined : cgroupsOfContainer(list, containerId, this.#mounts);
  }
}

/** The directories by the text of `/proc/PID/cgroup`. */
export function cgroupsOfContainer(
  list: string,
  containerId: string,
  mounts: readonly CgroupMount[],
): string[] {
  return parseProcessCgroups(list).flatMap((cgroup) => {
    const mount = mountOf(cgroup.controllers, mounts);
    return mount !== undefined && isOfContainer(cgroup, containerId) ? [join(mount.path, cgroup.path)] : [];
  });
}

/** Undefined for what no monitor joins: also systemd's own hierarchy, and cgroup v2 beside v1, which has no controllers. */
function mountOf(names: readonly string[], mounts: readonly CgroupMount[]): CgroupMount | undefined {
  const isV1 = mounts.some(({ controllers }) => controllers !== undefined);
  if (names.length === 0) return isV1 ? undefined : mounts[0];
  if (names.some((name) => notForMonitors.has(name) || name.includes('='))) return undefined;
  return mounts.find(({ controllers }) => names.every((name) => controllers?.includes(name)));
}

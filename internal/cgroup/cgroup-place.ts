// Where a container's processes are in the hierarchy of one controller.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CgroupMount } from './hierarchy.ts';
import { isOfContainer, parseProcessCgroups, readProcessCgroups } from './process-cgroups.ts';

export type PlacedController = 'cpu' | 'cpuset' | 'freezer';

export interface CgroupPlace {
  readonly version: 1 | 2;
  /** The directory of the whole hierarchy. */
  readonly root: string;
  /** The directories below it as far as the container's, from the top down; the last one is the pod's. */
  readonly above: readonly string[];
  /** The container's directory, and the ones below it in which the OCI runtime has put its process (crun). */
  readonly own: readonly string[];
}

export interface PlacedProcess {
  readonly pid: number;
  /** The container's directory has it in its name. */
  readonly containerId: string;
}

/** Undefined when there is no such process or controller, or the process is in no cgroup of the container. */
export async function findPlace(
  mounts: readonly CgroupMount[],
  { pid, containerId }: PlacedProcess,
  controller: PlacedController,
): Promise<CgroupPlace | undefined> {
  const hierarchy = await hierarchyOf(mounts, controller);
  const text = await readProcessCgroups(pid);
  if (hierarchy === undefined || text === undefined) return undefined;
  return cgroupPlace({ hierarchy, controller }, text, containerId);
}

async function hierarchyOf(
  mounts: readonly CgroupMount[],
  controller: PlacedController,
): Promise<CgroupMount | undefined> {
  const v1 = mounts.find(({ controllers }) => controllers?.includes(controller));
  const v2 = mounts.find(({ controllers }) => controllers === undefined);
  if (v1 !== undefined || v2 === undefined) return v1;
  if (controller === 'freezer') return v2; // which has it by itself (cgroup-v2, cgroup.freeze)
  const available = (await readFile(join(v2.path, 'cgroup.controllers'), 'utf8')).trim().split(' ');
  return available.includes(controller) ? v2 : undefined;
}

/** The same of the text of /proc/PID/cgroup. */
export function cgroupPlace(
  { hierarchy, controller }: { readonly hierarchy: CgroupMount; readonly controller: PlacedController },
  text: string,
  containerId: string,
): CgroupPlace | undefined {
  const { path: root, controllers } = hierarchy;
  const isV2 = controllers === undefined;
  const found = parseProcessCgroups(text).find((cgroup) =>
    isV2 ? cgroup.controllers.length === 0 : cgroup.controllers.includes(controller),
  );
  if (found === undefined || !isOfContainer(found, containerId)) return undefined;
  const names = found.path.split('/').filter((name) => name !== '');
  const directories = names.map((_, index) => join(root, ...names.slice(0, index + 1)));
  const at = names.findIndex((name) => name.includes(containerId));
  return { version: isV2 ? 2 : 1, root, above: directories.slice(0, at), own: directories.slice(at) };
}

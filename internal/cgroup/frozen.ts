// Whether somebody has frozen a container, as `runc pause` does.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoCode } from '../errors/errno.ts';
import { type CgroupPlace, findPlace, type PlacedProcess } from './cgroup-place.ts';
import type { CgroupMount } from './hierarchy.ts';

/**
 * By the switches of the container's cgroup and of those below it in which its process is: crun makes one there for systemd and
 * freezes that. A cgroup above that is frozen is not the container's matter. False for a process that has ended.
 * The files are `freezer.self_freezing` (cgroup-v1/freezer-subsystem) and `cgroup.freeze` (cgroup-v2).
 */
export async function isFrozen(mounts: readonly CgroupMount[], process: PlacedProcess): Promise<boolean> {
  const place = await findPlace(mounts, process, 'freezer');
  return place !== undefined && isFrozenAt(place);
}

/** The same of a process that is at `place`. */
export async function isFrozenAt(place: Pick<CgroupPlace, 'version' | 'own'>): Promise<boolean> {
  const file = place.version === 1 ? 'freezer.self_freezing' : 'cgroup.freeze';
  const switches = await Promise.all(place.own.map((directory) => isOn(join(directory, file))));
  return switches.includes(true);
}

async function isOn(path: string): Promise<boolean> {
  try {
    return (await readFile(path, 'utf8')).trim() === '1';
  } catch (cause) {
    if (['ENOENT', 'ENODEV'].includes(errnoCode(cause) ?? '')) return false;
    throw cause;
  }
}

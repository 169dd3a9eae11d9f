// Whether somebody has frozen a cgroup, as `runc pause` does.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoCode } from '../errors/errno.ts';
import type { CgroupMount } from './hierarchy.ts';

/**
 * By the cgroup's own switch: one that a cgroup above it has frozen is not its own matter. False for a cgroup that is not there.
 * The files are `freezer.self_freezing` (cgroup-v1/freezer-subsystem) and `cgroup.freeze` (cgroup-v2).
 */
export function isFrozen(mounts: readonly CgroupMount[], path: string): boolean {
  const v1 = mounts.find(({ controllers }) => controllers?.includes('freezer'));
  const mount = v1 ?? mounts.find(({ controllers }) => controllers === undefined);
  if (mount === undefined) return false;
  const file = v1 === undefined ? 'cgroup.freeze' : 'freezer.self_freezing';
  try {
    return readFileSync(join(mount.path, path, file), 'utf8').trim() === '1';
  } catch (cause) {
    if (['ENOENT', 'ENODEV'].includes(errnoCode(cause) ?? '')) return false;
    throw cause;
  }
}

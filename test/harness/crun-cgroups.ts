// crun 1.8 refuses a machine whose cgroup v1 hierarchies are joined by a cgroup2 that holds a controller ("cgroups in
// hybrid mode not supported, drop all controllers from cgroupv2"). In practice that one is hugetlb; mounting it as v1
// takes it away from cgroup2 while the mount lasts. Each test mounts it for itself, so that none depends on another's.

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { mountsBelow } from './proc.ts';

const isHybrid = () =>
  existsSync('/sys/fs/cgroup/unified/cgroup.controllers') && !existsSync('/sys/fs/cgroup/hugetlb');

/** Makes crun usable on a hybrid machine until `releaseCgroups`; elsewhere does nothing. */
export function claimCgroups(directory: string): void {
  if (!isHybrid()) return;
  const point = join(directory, 'hugetlb');
  mkdirSync(point, { recursive: true });
  // for the pods of tests that run at the same time: the root of a user namespace looks at all cgroup mounts
  chmodSync(directory, statSync(directory).mode | 0o011);
  execFileSync('mount', ['-t', 'cgroup', '-o', 'hugetlb', 'cgroup', point]);
}

/** Unmounts what `claimCgroups` mounted, after deleting `cgroupParent` there: a hierarchy with children would stay. */
export function releaseCgroups(directory: string, cgroupParent: string): void {
  for (const point of mountsBelow(directory)) {
    const parent = join(point, cgroupParent);
    if (existsSync(parent)) spawnSync('find', [parent, '-depth', '-type', 'd', '-delete']);
    execFileSync('umount', [point]);
  }
}

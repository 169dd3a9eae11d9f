// The CFS quota of a cgroup, taken away.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode, isENOENT } from '../errors/errno.ts';
import { findPlace, type PlacedProcess } from './cgroup-place.ts';
import type { CgroupMount } from './hierarchy.ts';

/** Lets the processes of a cgroup run as much as those above it may. A cgroup that is not there is success. */
export async function removeQuota(mounts: readonly CgroupMount[], path: string): Promise<void> {
  const v1 = mounts.find(({ controllers }) => controllers?.includes('cpu'));
  const [file, value] =
    v1 === undefined
      ? [join(mounts[0]?.path ?? '', path, 'cpu.max'), 'max']
      : [join(v1.path, path, 'cpu.cfs_quota_us'), '-1'];
  try {
    await writeFile(file, value);
  } catch (cause) {
    if (isENOENT(cause)) return;
    const text = `the quota in ${file} cannot be taken away (${errnoCode(cause) ?? 'unknown error'})`;
    throw new DaemonError('internal', text, cause);
  }
}

/** The same of a container's own cgroup of v1; false where it has none, or where that is of v2, for which every runtime knows the word. */
export async function removeOwnQuotaV1(
  mounts: readonly CgroupMount[],
  process: PlacedProcess,
): Promise<boolean> {
  const place = await findPlace(mounts, process, 'cpu');
  const [own] = place?.own ?? [];
  if (place?.version !== 1 || own === undefined) return false;
  await writeFile(join(own, 'cpu.cfs_quota_us'), '-1');
  return true;
}

// Host paths of the mounts that a request names.

import { realpath } from 'node:fs/promises';
import { isAbsolute, normalize } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode, isENOENT } from '../errors/errno.ts';
import { ensureDirectory } from '../fs/directories.ts';
import type { ContainerMount } from './container-config.ts';

/**
 * The mounts with their host paths resolved: a symlink is followed, as the kubelet expects. A missing source is made as a
 * directory (CRI-O's behaviour, which kubelet and operators count on) unless it is listed in
 * `absent_mount_sources_to_reject`.
 */
export async function resolveMountSources(
  mounts: readonly ContainerMount[],
  absentToReject: readonly string[],
): Promise<ContainerMount[]> {
  const resolved: ContainerMount[] = [];
  for (const mount of mounts) {
    if (mount.image !== '') resolved.push(mount);
    else resolved.push({ ...mount, hostPath: await resolveSource(mount.hostPath, absentToReject) });
  }
  return resolved;
}

async function resolveSource(hostPath: string, absentToReject: readonly string[]): Promise<string> {
  if (!isAbsolute(hostPath)) {
    throw new DaemonError('invalid-argument', `mount host path "${hostPath}" is not absolute`);
  }
  try {
    return await realpath(hostPath);
  } catch (cause) {
    if (!isENOENT(cause)) {
      const text = `mount host path "${hostPath}" cannot be used (${errnoCode(cause) ?? 'unknown error'})`;
      throw new DaemonError('invalid-argument', text, cause);
    }
  }
  if (absentToReject.includes(normalize(hostPath))) {
    const text = `mount host path "${hostPath}" does not exist and is in absent_mount_sources_to_reject`;
    throw new DaemonError('failed-precondition', text);
  }
  try {
    await ensureDirectory(hostPath, 0o755);
  } catch (cause) {
    const text = `mount host path "${hostPath}" does not exist and cannot be made (${errnoCode(cause) ?? 'unknown'})`;
    throw new DaemonError('failed-precondition', text, cause);
  }
  return realpath(hostPath);
}

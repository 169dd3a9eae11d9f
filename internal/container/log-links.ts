// The logs of a pod inside of it, for a container that ships them: annotation link-logs.crio.io names a volume of type emptyDir.

import { rm, symlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { errnoCode } from '../errors/errno.ts';
import type { ContainerMetadata } from './container.ts';
import type { ContainerMount } from './container-config.ts';
import type { PodContext } from './container-parts.ts';
import { badFeature, type PodFeatures } from './pod-features.ts';

/**
 * The mounts with the pod's log directory in the place of that volume, read-only. Nothing is mounted on the node, so that the
 * kubelet can take the volume away whenever it wants.
 */
export function withPodLogs(
  mounts: readonly ContainerMount[],
  features: PodFeatures,
  logDirectory: string,
): readonly ContainerMount[] {
  const volume = features.value('linkLogs');
  if (volume === undefined || logDirectory === '') return mounts;
  // A label of DNS, as every volume's name is.
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(volume))
    throw badFeature('linkLogs', volume, 'the name of a volume');
  const isVolume = ({ hostPath }: ContainerMount): boolean =>
    hostPath.endsWith(`/volumes/kubernetes.io~empty-dir/${volume}`);
  return mounts.map((mount) =>
    isVolume(mount) ? { ...mount, hostPath: logDirectory, readonly: true } : mount,
  );
}

/** Where the container's log is found by its id; undefined without the annotation or a log. */
export function logLink(
  pod: PodContext,
  features: PodFeatures,
  metadata: Pick<ContainerMetadata, 'id' | 'logPath'>,
): string | undefined {
  const wanted = features.value('linkLogs') !== undefined && metadata.logPath !== undefined;
  return wanted ? join(pod.logDirectory, `${metadata.id}.log`) : undefined;
}

/** Makes `ID.log` in the pod's log directory, relative, so that it leads to the same file inside and outside. Idempotent. */
export async function linkLog(link: string, pod: PodContext, metadata: ContainerMetadata): Promise<void> {
  try {
    await symlink(relative(pod.logDirectory, metadata.logPath ?? ''), link);
  } catch (cause) {
    if (errnoCode(cause) !== 'EEXIST') throw cause;
  }
}

/** Removes the link; the log stays. None is success. */
export async function unlinkLog(link: string | undefined): Promise<void> {
  if (link !== undefined) await rm(link, { force: true });
}

// RemoveContainer: everything about a container goes, the record that finds it last.

import { rm } from 'node:fs/promises';
import { removeTree } from '../fs/directories.ts';
import type { Container } from './container.ts';
import { releaseContainer } from './container-exits.ts';
import { containerPaths } from './container-files.ts';
import type { ContainerParts } from './container-parts.ts';
import { removeImageVolumes } from './image-volumes.ts';
import { unlinkLog } from './log-links.ts';
import { killContainer } from './stop-container.ts';

/**
 * Removes a container with its layer, records and sockets; a running one is killed first (CRI). Unknown is success.
 * When a step fails the record stays, so that the next call goes on where this one stopped. The log file stays: it is
 * the kubelet's.
 */
export async function removeContainer(
  parts: ContainerParts,
  idOrPrefix: string,
  signal: AbortSignal,
): Promise<void> {
  const container = parts.containers.find(idOrPrefix);
  if (container === undefined) return;
  container.removing = true;
  if (container.status.state !== 'exited') await killContainer(parts, container, signal);
  await parts.locks.run(container.id, async () => {
    if (parts.containers.find(container.id) !== container) return; // another removal was first
    await releaseContainer(parts, container);
    await deleteEverything(parts, container);
    parts.containers.delete(container);
    parts.metrics.removed(container.name);
    parts.logger.info({ containerId: container.id }, 'removed container');
  });
}

async function deleteEverything(parts: ContainerParts, container: Container): Promise<void> {
  const paths = containerPaths(parts.directories, container.id);
  await parts.monitors.remove(container.id);
  await parts.monitorPlaces.remove(container.metadata.cgroupParent, container.id);
  await removeImageVolumes(parts, container.metadata);
  await unlinkLog(container.metadata.logLink);
  await parts.layers.remove(container.id);
  // Without its status it would be taken for one from before a boot, that has ended nobody knows how. A directory without
  // metadata is what the next start removes.
  await rm(paths.metadata, { force: true });
  await removeTree(paths.runDirectory);
  await removeTree(paths.dataDirectory);
}

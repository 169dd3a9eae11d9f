// How a container's status changes.

import { describeError } from '../errors/daemon-error.ts';
import type { Container, ContainerStatus } from './container.ts';
import { containerPaths, statusFile } from './container-files.ts';
import type { ContainerParts } from './container-parts.ts';

/**
 * Takes in what has happened to a container, disk first. A disk that is full does not keep it from being known: the next
 * daemon finds it again by the monitor, its exit record or the OCI runtime. The caller holds the container's lock.
 */
export async function recordStatus(
  parts: ContainerParts,
  container: Container,
  status: ContainerStatus,
): Promise<void> {
  try {
    await statusFile.write(containerPaths(parts.directories, container.id).status, status);
  } catch (cause) {
    const fields = { containerId: container.id, state: status.state, error: describeError(cause) };
    parts.logger.error(fields, 'cannot write container status');
  }
  container.setStatus(status);
}

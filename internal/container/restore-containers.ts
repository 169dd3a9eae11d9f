// After a start of the daemon: which containers there are, by the disk, and how they are, by their monitors.

import { describeError } from '../errors/daemon-error.ts';
import { ensureDirectory, listDirectory, removeTree } from '../fs/directories.ts';
import { StateFileError } from '../fs/state-file.ts';
import type { ExitRecord } from '../monitor/monitor.ts';
import { isId } from '../records/id.ts';
import { nowNanos } from './clock.ts';
import { Container, type ContainerMetadata, type ContainerStatus } from './container.ts';
import { recordExit } from './container-exits.ts';
import { containerPaths, metadataFile, statusFile } from './container-files.ts';
import type { ContainerParts } from './container-parts.ts';
import { creatingStatus, failedCreation } from './first-status.ts';

/**
 * Reads all records and asks every monitor, in parallel. Afterwards each container is in the store with its real state;
 * half-made ones, ones whose records are torn, and ones of a sandbox that is gone are undone. One bad record does not
 * stop the others.
 */
export async function restoreContainers(
  parts: ContainerParts,
  hasSandbox: (sandboxId: string) => boolean,
): Promise<void> {
  parts.monitors.onExit((containerId, exit) => {
    const container = parts.containers.find(containerId);
    if (container !== undefined) void recordExitLogged(parts, container, exit);
  });
  const ids = (await listDirectory(parts.directories.data)).filter(isId);
  await Promise.all(ids.map((containerId) => restoreLogged(parts, containerId, hasSandbox)));
}

async function restoreLogged(
  parts: ContainerParts,
  containerId: string,
  hasSandbox: (sandboxId: string) => boolean,
): Promise<void> {
  try {
    await restoreContainer(parts, containerId, hasSandbox);
  } catch (cause) {
    const error = describeError(cause);
    parts.logger.error(
      { containerId, error },
      'cannot restore container; its files are left for the next start',
    );
  }
}

async function restoreContainer(
  parts: ContainerParts,
  containerId: string,
  hasSandbox: (sandboxId: string) => boolean,
): Promise<void> {
  const paths = containerPaths(parts.directories, containerId);
  let metadata: ContainerMetadata | undefined;
  let status: ContainerStatus | undefined;
  try {
    metadata = await metadataFile.read(paths.metadata);
    status = await statusFile.read(paths.status);
  } catch (cause) {
    if (!(cause instanceof StateFileError)) throw cause;
    parts.logger.error({ containerId, error: cause.message }, 'container record cannot be used');
    metadata = undefined;
  }
  if (metadata === undefined || status?.state === 'creating' || !hasSandbox(metadata.sandboxId)) {
    try {
      await undoContainer(parts, containerId, metadata);
      return;
    } catch (cause) {
      if (metadata === undefined) throw cause;
      // It stays visible, so that the kubelet's remove goes on with it.
      parts.logger.error({ containerId, error: describeError(cause) }, 'cannot undo a container');
      status = failedCreation(metadata.config);
    }
  }
  if (status === undefined) await ensureDirectory(paths.runDirectory); // a reboot has emptied its parent
  const container = new Container(metadata, status ?? lostStatus(metadata));
  parts.containers.add(container);
  await catchUp(parts, container);
}

/** Takes in what happened while no daemon looked. */
async function catchUp(parts: ContainerParts, container: Container): Promise<void> {
  const { pid, startTicks, monitorPid, state } = container.status;
  if (state === 'exited') return;
  const found = await parts.monitors.adopt(container.id, { pid, startTicks, monitorPid });
  if (found.phase === 'exited') await recordExitLogged(parts, container, found.exit);
  else if (state === 'created') await catchUpStart(parts, container);
}

/** A daemon that died between the runtime's `start` and its own record left a running container as created. */
async function catchUpStart(parts: ContainerParts, container: Container): Promise<void> {
  const { runtime } = parts.runtimes.get(container.metadata.runtimeHandler);
  if ((await runtime.state(container.id)) !== 'running') return;
  const status: ContainerStatus = { ...container.status, state: 'running', startedAtNanos: nowNanos() };
  await statusFile.write(containerPaths(parts.directories, container.id).status, status);
  container.setStatus(status);
}

/** Removes all traces of a container that was never complete, or whose record is torn. */
async function undoContainer(
  parts: ContainerParts,
  containerId: string,
  metadata: ContainerMetadata | undefined,
): Promise<void> {
  const paths = containerPaths(parts.directories, containerId);
  const handlers =
    metadata === undefined ? parts.runtimes.list() : [parts.runtimes.get(metadata.runtimeHandler)];
  for (const { runtime } of handlers) await runtime.delete(containerId);
  await parts.monitors.remove(containerId);
  if (metadata !== undefined) await parts.cgroups.removeLeftover(metadata.cgroupParent, containerId);
  await parts.layers.unmount(paths.rootfs);
  await parts.layers.remove(containerId);
  await removeTree(paths.runDirectory);
  await removeTree(paths.dataDirectory);
  parts.logger.warn({ containerId }, 'removed a container that was not complete, or whose sandbox is gone');
}

/** After a reboot the run directory is empty: the container has ended, and only its exit record knows how. */
function lostStatus(metadata: ContainerMetadata): ContainerStatus {
  return { ...creatingStatus(metadata.config), state: 'running', startedAtNanos: metadata.createdAtNanos };
}

async function recordExitLogged(
  parts: ContainerParts,
  container: Container,
  exit: ExitRecord,
): Promise<void> {
  try {
    await recordExit(parts, container, exit);
  } catch (cause) {
    parts.logger.error({ containerId: container.id, error: describeError(cause) }, 'cannot record an exit');
  }
}

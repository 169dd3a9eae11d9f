// After a start of the daemon: which containers there are, by the disk, and how they are, by their monitors.

import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../async/wait-for.ts';
import { describeError } from '../errors/daemon-error.ts';
import { ensureDirectory, listDirectory, removeTree } from '../fs/directories.ts';
import { StateFileError } from '../fs/state-file.ts';
import type { ExitRecord } from '../monitor/monitor.ts';
import { isId } from '../records/id.ts';
import { nowNanos } from './clock.ts';
import { Container, type ContainerMetadata, type ContainerStatus } from './container.ts';
import { catchUpExit, recordExit } from './container-exits.ts';
import { containerPaths, metadataFile, statusFile } from './container-files.ts';
import type { ContainerParts } from './container-parts.ts';
import { creatingStatus, failedCreation } from './first-status.ts';
import { handlerOf } from './handler-of.ts';
import { undoImageVolumes } from './image-volumes.ts';
import { unlinkLog } from './log-links.ts';
import { followMonitors } from './lost-monitors.ts';
import { releaseMounts } from './prepared-mounts.ts';
import { recordStatus } from './record-status.ts';
import { applyTuning } from './tuned-containers.ts';

/**
 * How long the start of the daemon waits for monitors and for what is undone; it serves then, with every record known, and
 * goes on in the background. The kubelet calls a node not ready after 30 s.
 */
const checkTimeoutMs = 5000;

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
  followMonitors(parts);
  const ids = (await listDirectory(parts.directories.data)).filter(isId);
  const checks = await Promise.all(ids.map((containerId) => restoreLogged(parts, containerId, hasSandbox)));
  await waitFor(Promise.all(checks.map((check) => check())), AbortSignal.timeout(checkTimeoutMs)).catch(
    () => {
      parts.logger.error({}, 'containers that do not answer are shown as they were last known');
    },
  );
  await parts.tuning.settle((id) => parts.containers.find(id)?.status.state === 'running');
}

/** What remains to be done for a container when all records are known. Does not reject. */
type Check = () => Promise<void>;

async function restoreLogged(
  parts: ContainerParts,
  containerId: string,
  hasSandbox: (sandboxId: string) => boolean,
): Promise<Check> {
  try {
    return await restoreContainer(parts, containerId, hasSandbox);
  } catch (cause) {
    leaveFiles(parts, containerId, cause);
    return async () => {};
  }
}

function leaveFiles(parts: ContainerParts, containerId: string, cause: unknown): void {
  const fields = { containerId, error: describeError(cause) };
  parts.logger.error(fields, 'cannot restore container; its files are left for the next start');
}

async function restoreContainer(
  parts: ContainerParts,
  containerId: string,
  hasSandbox: (sandboxId: string) => boolean,
): Promise<Check> {
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
  if (metadata === undefined || status?.state === 'creating' || !hasSandbox(metadata.sandboxId))
    return () => undoOrKeep(parts, containerId, metadata);
  if (status === undefined) await ensureDirectory(paths.runDirectory); // a reboot has emptied its parent
  const container = new Container(metadata, status ?? lostStatus(metadata));
  parts.containers.add(container);
  return () => keepCatchingUp(parts, container);
}

/** What cannot be undone stays visible, so that the kubelet's remove goes on with it. */
async function undoOrKeep(
  parts: ContainerParts,
  containerId: string,
  metadata: ContainerMetadata | undefined,
): Promise<void> {
  try {
    await undoContainer(parts, containerId, metadata);
  } catch (cause) {
    if (metadata === undefined) {
      leaveFiles(parts, containerId, cause);
      return;
    }
    parts.logger.error({ containerId, error: describeError(cause) }, 'cannot undo a container');
    parts.containers.add(new Container(metadata, failedCreation(metadata.config)));
  }
}

/** Catches up; a monitor that cannot be asked is asked again, as long as there is the container. */
async function keepCatchingUp(parts: ContainerParts, container: Container): Promise<void> {
  for (let delayMs = 1000; parts.containers.find(container.id) === container; delayMs *= 2) {
    try {
      return await catchUp(parts, container);
    } catch (cause) {
      const fields = { containerId: container.id, error: describeError(cause) };
      parts.logger.error(fields, 'cannot find out how a container is; trying again');
    }
    await sleep(Math.min(delayMs, 60_000), undefined, { ref: false });
  }
}

/** Takes in what happened while no daemon looked. */
async function catchUp(parts: ContainerParts, container: Container): Promise<void> {
  if (container.status.state === 'exited') return;
  await catchUpExit(parts, container);
  if (container.status.state === 'created') await catchUpStart(parts, container);
}

/** A daemon that died between the runtime's `start` and its own record left a running container as created. */
async function catchUpStart(parts: ContainerParts, container: Container): Promise<void> {
  const { runtime } = handlerOf(parts, container.metadata);
  await parts.locks.run(container.id, async () => {
    if (container.status.state !== 'created' || (await runtime.state(container.id)) !== 'running') return;
    if (container.metadata.hasStandIn) await parts.monitors.tellStarted(container.id);
    const startedAtNanos = nowNanos();
    await recordStatus(parts, container, { ...container.status, state: 'running', startedAtNanos });
    await applyTuning(parts, container); // it was given up, if this took longer than the daemon's start waits
  });
}

/** Removes all traces of a container that was never complete, or whose record is torn. */
async function undoContainer(
  parts: ContainerParts,
  containerId: string,
  metadata: ContainerMetadata | undefined,
): Promise<void> {
  const paths = containerPaths(parts.directories, containerId);
  const handlers = metadata === undefined ? parts.runtimes.list() : [handlerOf(parts, metadata)];
  for (const { runtime } of handlers) await runtime.delete(containerId);
  await parts.monitors.remove(containerId);
  if (metadata !== undefined) {
    await parts.cgroups.removeLeftover(metadata.cgroupParent, containerId);
    await parts.monitorPlaces.remove(metadata.cgroupParent, containerId);
  }
  await releaseMounts(parts, containerId);
  await undoImageVolumes(parts, containerId, metadata);
  await unlinkLog(metadata?.logLink);
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

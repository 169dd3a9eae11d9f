// What happens when a container has ended: the record first, then the clean-up that nobody waits for.

import { describeError } from '../errors/daemon-error.ts';
import type { ExitRecord } from '../monitor/monitor.ts';
import { type Container, type ContainerStatus, startErrorCode } from './container.ts';
import { containerPaths } from './container-files.ts';
import type { ContainerParts } from './container-parts.ts';
import { handlerOf } from './handler-of.ts';
import { unmountImageVolumes } from './image-volumes.ts';
import { recordStatus } from './record-status.ts';

const sigkill = 9;

/**
 * Records how a container ended; the first record stays. Afterwards its runtime state, cgroup and rootfs mount are
 * released in the background.
 */
export async function recordExit(
  parts: ContainerParts,
  container: Container,
  exit: ExitRecord,
): Promise<void> {
  const recorded = await parts.locks.run(container.id, async () => {
    if (container.status.state === 'exited') return false;
    await recordStatus(parts, container, exitedStatus(container.status, exit));
    return true;
  });
  if (!recorded) return;
  if (exit.oom) parts.metrics.oomKilled(container.name);
  const { exitCode, reason } = container.status;
  parts.logger.info({ containerId: container.id, exitCode, reason }, 'container exited');
  if (exit.logDroppedBytes > 0) {
    const lost = {
      containerId: container.id,
      bytes: exit.logDroppedBytes,
      logPath: container.metadata.logPath,
    };
    parts.logger.warn(lost, 'the log of the container lacks output that its disk refused');
  }
  await parts.locks
    .run(container.id, () => releaseContainer(parts, container))
    .catch((cause: unknown) => {
      // RemoveContainer tries again and reports.
      const error = describeError(cause);
      parts.logger.warn({ containerId: container.id, error }, 'cannot release container');
    });
}

/**
 * Follows a container from now on, and records an exit that nobody was told of: it came before the container was visible,
 * or while no daemon looked.
 */
export async function catchUpExit(parts: ContainerParts, container: Container): Promise<void> {
  const { pid, startTicks, monitorPid } = container.status;
  const found = await parts.monitors.adopt(container.id, { pid, startTicks, monitorPid });
  if (found.phase === 'exited') await recordExit(parts, container, found.exit);
}

/**
 * Kills what outlived the init, deletes runtime state and cgroup, unmounts the rootfs. Idempotent; the caller holds
 * the container's lock.
 */
export async function releaseContainer(parts: ContainerParts, container: Container): Promise<void> {
  if (container.released) return;
  const { metadata } = container;
  const { runtime } = handlerOf(parts, metadata);
  await parts.tuning.release(metadata.id);
  if (!metadata.ownPidNamespace) await runtime.kill(metadata.id, sigkill, { all: true });
  await runtime.delete(metadata.id);
  await parts.cgroups.removeLeftover(metadata.cgroupParent, metadata.id);
  await unmountImageVolumes(parts, metadata);
  await parts.layers.unmount(containerPaths(parts.directories, metadata.id).rootfs);
  container.released = true;
}

/** The words are the kubelet's: `OOMKilled` is a must, `Completed` and `Error` are what its users know. */
function exitedStatus(before: ContainerStatus, exit: ExitRecord): ContainerStatus {
  const failedStart = before.reason === 'StartError';
  const reason = exit.oom
    ? 'OOMKilled'
    : exit.reason !== 'exited'
      ? exit.reason
      : exit.code === 0
        ? 'Completed'
        : 'Error';
  return {
    ...before,
    state: 'exited',
    finishedAtNanos: exit.finishedAtNanos,
    exitCode: failedStart ? startErrorCode : exit.code,
    reason: failedStart ? before.reason : reason,
  };
}

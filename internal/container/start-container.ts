// StartContainer: lets the created container's init run its process.

import { DaemonError, describeError, hasKind } from '../errors/daemon-error.ts';
import { nowNanos } from './clock.ts';
import type { Container } from './container.ts';
import type { ContainerParts } from './container-parts.ts';
import { handlerOf } from './handler-of.ts';
import { recordStatus } from './record-status.ts';
import { applyTuning } from './tuned-containers.ts';

const sigkill = 9;

/**
 * Starts a created container. Afterwards it is `running`, or has ended meanwhile. `failed-precondition` in any other
 * state, or when it has ended. When the runtime cannot start it, it is killed, and ends as `exited` with reason `StartError`.
 */
export async function startContainer(parts: ContainerParts, idOrPrefix: string): Promise<void> {
  const container = parts.containers.get(idOrPrefix);
  await parts.locks.run(container.id, async () => {
    await requireStartable(parts, container);
    const { cgroupParent, noQuota } = container.metadata;
    if (noQuota) await parts.cgroups.removeParentQuota(cgroupParent);
    const startedAtNanos = nowNanos();
    try {
      await applyTuning(parts, container);
      await runStart(parts, container);
    } catch (cause) {
      if (!(await isStarted(parts, container, cause))) throw cause;
    }
    await recordStatus(parts, container, { ...container.status, state: 'running', startedAtNanos });
  });
  parts.logger.info({ containerId: container.id, pid: container.status.pid }, 'started container');
}

async function requireStartable(parts: ContainerParts, container: Container): Promise<void> {
  const { id, status, removing, killAtMs } = container;
  let state: string = status.state;
  if (state === 'created') {
    if (removing) state = 'being removed';
    else if (killAtMs !== undefined) state = 'being stopped';
    // A daemon that died may have started it. Its exit is on its way here, and no failed start may take its place.
    else if (await parts.monitors.hasEnded(status)) state = 'exited';
    else return;
  }
  const text = `container "${id}" cannot be started: it is ${state}, only a created container can`;
  throw new DaemonError('failed-precondition', text);
}

/** One with a stand-in gets its streams from that, and lets it know. */
async function runStart(parts: ContainerParts, { id, metadata, status }: Container): Promise<void> {
  const through = metadata.hasStandIn ? parts.monitors.starter(status) : [];
  await handlerOf(parts, metadata).runtime.start(id, through);
}

/**
 * After a start that failed: the container may run all the same, when the runtime was lost at its work, or a daemon that died
 * had started it. One that has never run is killed.
 */
async function isStarted(parts: ContainerParts, container: Container, cause: unknown): Promise<boolean> {
  const { id, metadata, status } = container;
  const error = describeError(cause);
  const state = await handlerOf(parts, metadata)
    .runtime.state(id)
    .catch(() => undefined);
  if (state === 'running') {
    parts.logger.warn({ containerId: id, error }, 'the start of a container failed, but it runs');
    if (metadata.hasStandIn) await parts.monitors.tellStarted(id);
    return true;
  }
  const isLost = hasKind(cause, 'unavailable') && (await parts.monitors.hasEnded(status));
  if (!isLost) await failStart(parts, container, error); // else its exit code may be its own
  return false;
}

/** Leaves the container to the monitor's exit notice, which records the end under the lock that is held here. */
async function failStart(parts: ContainerParts, container: Container, message: string): Promise<void> {
  await recordStatus(parts, container, { ...container.status, reason: 'StartError', message });
  await parts.monitors.signal(container.id, sigkill).catch((cause: unknown) => {
    const error = describeError(cause);
    parts.logger.error({ containerId: container.id, error }, 'cannot kill a container that did not start');
  });
}

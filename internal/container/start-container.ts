// StartContainer: lets the created container's init run its process.

import { DaemonError, describeError } from '../errors/daemon-error.ts';
import { nowNanos } from './clock.ts';
import type { Container } from './container.ts';
import type { ContainerParts } from './container-parts.ts';
import { handlerOf } from './handler-of.ts';
import { recordStatus } from './record-status.ts';
import { applyTuning } from './tuned-containers.ts';

const sigkill = 9;

/**
 * Starts a created container. Afterwards it is `running`, or has ended meanwhile. `failed-precondition` in any other
 * state. When the runtime cannot start it, it is killed, and ends as `exited` with reason `StartError`.
 */
export async function startContainer(parts: ContainerParts, idOrPrefix: string): Promise<void> {
  const container = parts.containers.get(idOrPrefix);
  await parts.locks.run(container.id, async () => {
    requireStartable(container);
    const { cgroupParent, noQuota } = container.metadata;
    if (noQuota) await parts.cgroups.removeParentQuota(cgroupParent);
    const startedAtNanos = nowNanos();
    try {
      await applyTuning(parts, container);
      await handlerOf(parts, container.metadata).runtime.start(container.id);
    } catch (cause) {
      await failStart(parts, container, describeError(cause));
      throw cause;
    }
    await recordStatus(parts, container, { ...container.status, state: 'running', startedAtNanos });
  });
  parts.logger.info({ containerId: container.id, pid: container.status.pid }, 'started container');
}

function requireStartable({ id, status, removing, killAtMs }: Container): void {
  if (status.state === 'created' && !removing && killAtMs === undefined) return;
  const ending = removing ? 'being removed' : 'being stopped';
  const text = `container "${id}" cannot be started: it is ${status.state === 'created' ? ending : status.state}`;
  throw new DaemonError('failed-precondition', `${text}, only a created container can`);
}

/** Leaves the container to the monitor's exit notice, which records the end under the lock that is held here. */
async function failStart(parts: ContainerParts, container: Container, message: string): Promise<void> {
  await recordStatus(parts, container, { ...container.status, reason: 'StartError', message });
  await parts.monitors.signal(container.id, sigkill).catch((cause: unknown) => {
    const error = describeError(cause);
    parts.logger.error({ containerId: container.id, error }, 'cannot kill a container that did not start');
  });
}

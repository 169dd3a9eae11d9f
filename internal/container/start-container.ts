// StartContainer: lets the created container's init run its process.

import { DaemonError, describeError } from '../errors/daemon-error.ts';
import { nowNanos } from './clock.ts';
import type { Container, ContainerStatus } from './container.ts';
import { containerPaths, statusFile } from './container-files.ts';
import type { ContainerParts } from './container-parts.ts';

const sigkill = 9;

/**
 * Starts a created container. Afterwards it is `running`, or has ended meanwhile. `failed-precondition` in any other
 * state. When the runtime cannot start it, it is killed, and ends as `exited` with reason `StartError`.
 */
export async function startContainer(parts: ContainerParts, idOrPrefix: string): Promise<void> {
  const container = parts.containers.get(idOrPrefix);
  await parts.locks.run(container.id, async () => {
    const { state } = container.status;
    if (state !== 'created' || container.removing) {
      const what = container.removing ? 'being removed' : state;
      const text = `container "${container.id}" cannot be started: it is ${what}`;
      throw new DaemonError('failed-precondition', `${text}, only a created container can`);
    }
    const startedAtNanos = nowNanos();
    try {
      await parts.runtimes.get(container.metadata.runtimeHandler).runtime.start(container.id);
    } catch (cause) {
      await failStart(parts, container, describeError(cause));
      throw cause;
    }
    await write(parts, container, { ...container.status, state: 'running', startedAtNanos });
  });
  parts.logger.info({ containerId: container.id, pid: container.status.pid }, 'started container');
}

/** Leaves the container to the monitor's exit notice, which records the end under the lock that is held here. */
async function failStart(parts: ContainerParts, container: Container, message: string): Promise<void> {
  await write(parts, container, { ...container.status, reason: 'StartError', message });
  await parts.monitors.signal(container.id, sigkill).catch((cause: unknown) => {
    const error = describeError(cause);
    parts.logger.error({ containerId: container.id, error }, 'cannot kill a container that did not start');
  });
}

async function write(parts: ContainerParts, container: Container, status: ContainerStatus): Promise<void> {
  await statusFile.write(containerPaths(parts.directories, container.id).status, status);
  container.setStatus(status);
}

// ReopenContainerLog: the kubelet has renamed the log file and wants a new one.

import { DaemonError } from '../errors/daemon-error.ts';
import type { ContainerParts } from './container-parts.ts';

/**
 * When it resolves, the log path exists and takes the container's new output. `failed-precondition` for a container
 * that does not run; on any failure no file was made and output goes where it went.
 */
export async function reopenContainerLog(parts: ContainerParts, idOrPrefix: string): Promise<void> {
  const container = parts.containers.get(idOrPrefix);
  const { state } = container.status;
  if (state !== 'running') {
    const text = `cannot reopen the log of container "${container.id}": it is ${state}`;
    throw new DaemonError('failed-precondition', `${text}, only a running container has one open`);
  }
  await parts.monitors.reopenLog(container.id);
}

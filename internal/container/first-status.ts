// The status that a container begins with.

import { nowNanos } from './clock.ts';
import { type ContainerStatus, startErrorCode } from './container.ts';
import type { ContainerConfig } from './container-config.ts';

/** On disk while the container is being made. */
export function creatingStatus(config: ContainerConfig): ContainerStatus {
  return {
    state: 'creating',
    pid: 0,
    startTicks: '',
    monitorPid: 0,
    startedAtNanos: 0n,
    finishedAtNanos: 0n,
    exitCode: 0,
    reason: '',
    message: '',
    user: { uid: 0, gid: 0, groups: [] },
    resources: config.resources,
  };
}

/** Of a container that could not be made, and not be taken away whole either. */
export function failedCreation(config: ContainerConfig): ContainerStatus {
  return {
    ...creatingStatus(config),
    state: 'exited',
    finishedAtNanos: nowNanos(),
    exitCode: startErrorCode,
    reason: 'CreateError',
  };
}

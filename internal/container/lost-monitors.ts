// What is known of a container's monitor after that died.

import type { ContainerParts } from './container-parts.ts';
import { recordStatus } from './record-status.ts';

/** Counts monitors that die, and keeps the pid of the one that goes on. */
export function followMonitors(parts: ContainerParts): void {
  parts.monitors.onMonitorLost((containerId, monitorPid = 0) => {
    const container = parts.containers.find(containerId);
    if (container === undefined) return;
    parts.metrics.monitorLost(container.name);
    // Cannot fail: a status that cannot be written is logged.
    void parts.locks.run(containerId, () =>
      recordStatus(parts, container, { ...container.status, monitorPid }),
    );
  });
}

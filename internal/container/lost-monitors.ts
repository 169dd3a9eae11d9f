// What is done for a container whose monitor died, when another one goes on, or none.

import { describeError } from '../errors/daemon-error.ts';
import type { Container } from './container.ts';
import type { ContainerParts } from './container-parts.ts';
import { handlerOf } from './handler-of.ts';
import { recordStatus } from './record-status.ts';

/** Counts monitors that die; keeps the pid of the one that goes on, and puts it where the other one was. */
export function followMonitors(parts: ContainerParts): void {
  parts.monitors.onMonitorLost((containerId, monitorPid = 0) => {
    const container = parts.containers.find(containerId);
    if (container === undefined) return;
    parts.metrics.monitorLost(container.name);
    takeIn(parts, container, monitorPid).catch((cause: unknown) => {
      const fields = { containerId, monitorPid, error: describeError(cause) };
      parts.logger.warn(fields, "cannot put a container's new monitor where the one before was");
    });
  });
}

async function takeIn(parts: ContainerParts, container: Container, monitorPid: number): Promise<void> {
  const { id, metadata } = container;
  await parts.locks.run(id, () => recordStatus(parts, container, { ...container.status, monitorPid }));
  if (monitorPid === 0) return;
  const { monitorCgroup } = handlerOf(parts, metadata);
  const place = await parts.monitorPlaces.make(monitorCgroup, metadata.cgroupParent, id);
  await place.take?.(monitorPid); // cgroups without systemd it has joined by itself
}

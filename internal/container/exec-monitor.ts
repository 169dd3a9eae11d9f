// Where the monitor of an ExecSync runs: beside the daemon, or where a handler says so in the container's own cgroup, so that
// probes are charged to the container and stay on its CPUs.

import type { ContainerCgroups } from '../cgroup/container-cgroups.ts';
import type { Container } from './container.ts';
import type { ContainerParts } from './container-parts.ts';
import { handlerOf } from './handler-of.ts';

export interface ExecMonitors {
  readonly cgroups: ContainerCgroups;
  /** Those of which the log says already that a monitor could not be there: a probe runs every few seconds. */
  readonly told: WeakSet<Container>;
}

/** The cgroups that the monitor joins before it starts the OCI runtime. */
export async function execMonitorCgroups(
  parts: ContainerParts,
  container: Container,
): Promise<readonly string[]> {
  if (!handlerOf(parts, container.metadata).execMonitorInContainer) return [];
  const cgroups = await parts.execMonitors.cgroups.of(container.id, container.status.pid);
  if (cgroups?.length === 0) tellRefused(parts, container, 'its init is in no cgroup of the container');
  return cgroups ?? [];
}

/** Once for a container. */
export function tellRefused(parts: ContainerParts, container: Container, why: string): void {
  const { told } = parts.execMonitors;
  if (told.has(container)) return;
  told.add(container);
  const fields = { containerId: container.id, why };
  parts.logger.warn(fields, "an exec monitor cannot join its container's cgroup; its commands run");
}

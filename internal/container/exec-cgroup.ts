// Where the commands of an exec live in the cgroup hierarchy.

import type { ExecCgroup } from '../monitor/monitor.ts';
import type { Container } from './container.ts';
import type { ContainerParts } from './container-parts.ts';
import { handlerOf } from './handler-of.ts';

/** A cgroup of its own below the container's, if the container's OCI runtime can put it there. */
export function execCgroup(parts: ContainerParts, container: Container): ExecCgroup | undefined {
  const option = handlerOf(parts, container.metadata).features.execCgroup;
  if (option === undefined) return undefined;
  const { pid, startTicks } = container.status;
  return { option, initPid: pid, initStartTicks: startTicks };
}

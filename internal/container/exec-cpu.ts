// The CPU on which commands of an exec run, where a handler asks for that: probes must not disturb the others of the
// container's own CPUs.

import type { Container } from './container.ts';
import type { ContainerParts } from './container-parts.ts';
import { handlerOf } from './handler-of.ts';

/** The first of the CPUs that the container shares with others, else of those that it has for itself; undefined for any. */
export function execCpu(parts: ContainerParts, container: Container): number | undefined {
  const { execCpuAffinity, features } = handlerOf(parts, container.metadata);
  if (execCpuAffinity !== 'first' || features.kernelPerPod) return undefined;
  return firstCpu(container.metadata.tuning?.sharedCpus ?? container.status.resources.cpusetCpus);
}

/** Of a list such as `2-5,8`, which the kernel takes in any order. */
export function firstCpu(set: string): number | undefined {
  const numbers = set
    .split(',')
    .map((range) => Number.parseInt(range, 10))
    .filter((cpu) => cpu >= 0);
  return numbers.length === 0 ? undefined : Math.min(...numbers);
}

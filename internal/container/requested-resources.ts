// The limits that a container is asked to have, by the kubelet or by the workload of its pod.

import type { ContainerMetadata } from './container.ts';
import type { LinuxResources } from './container-config.ts';
import type { PodContext } from './container-parts.ts';
import { type PodFeatures, unifiedOf } from './pod-features.ts';
import { withWorkload } from './workloads.ts';

/** In the CRI and for the kernel. */
export const unlimitedQuota = -1n;

/** What the kubelet or its workload asks for: what a status shows. */
export function requestedResources(
  { config, noQuota }: ContainerMetadata,
  pod: PodContext,
  features: PodFeatures,
): LinuxResources {
  const containerName = config.metadata.name;
  const { annotations } = pod.facts;
  const resources = withWorkload(config.resources, features.workload, { annotations, containerName });
  return {
    ...resources,
    ...(noQuota && { cpuQuota: unlimitedQuota }),
    unified: { ...resources.unified, ...unifiedOf(features, containerName) },
  };
}

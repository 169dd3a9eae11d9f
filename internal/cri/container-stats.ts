import { measureContainer } from '../container/container-stats.ts';
import { containerStatsMessage } from './convert/stats.ts';
import type { CriParts } from './cri-parts.ts';
import type { ContainerStatsRequest__Output } from './gen/runtime/v1/ContainerStatsRequest.ts';
import type { ContainerStatsResponse } from './gen/runtime/v1/ContainerStatsResponse.ts';
import { containerAttributes } from './views.ts';

/** ContainerStats: NotFound for an unknown id; without CPU and memory once the container has ended. */
export async function containerStats(
  parts: CriParts,
  request: ContainerStatsRequest__Output,
): Promise<ContainerStatsResponse> {
  const container = parts.containers.containers.get(request.containerId);
  const stats = await measureContainer(parts.containers, container);
  return { stats: containerStatsMessage(stats, containerAttributes(container)) };
}

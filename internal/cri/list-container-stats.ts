import { inTurns } from '../async/in-turns.ts';
import { hasUsage, measureContainer } from '../container/container-stats.ts';
import { matchesContainer } from './convert/filters.ts';
import { containerStatsMessage } from './convert/stats.ts';
import type { CriParts } from './cri-parts.ts';
import { candidatesFor, wholeContainerFilter } from './filter-ids.ts';
import type { ListContainerStatsRequest__Output } from './gen/runtime/v1/ListContainerStatsRequest.ts';
import type { ListContainerStatsResponse } from './gen/runtime/v1/ListContainerStatsResponse.ts';
import { containerAttributes, containerListView } from './views.ts';

/** ListContainerStats: of those that live. The kubelet asks every 10 seconds. */
export async function listContainerStats(
  parts: CriParts,
  request: ListContainerStatsRequest__Output,
): Promise<ListContainerStatsResponse> {
  const wanted = wholeContainerFilter(parts, request.filter);
  const chosen = candidatesFor(parts, wanted).filter(
    (container) => hasUsage(container) && matchesContainer(wanted, containerListView(container)),
  );
  const all = await inTurns(chosen, (container) => measureContainer(parts.containers, container));
  return { stats: all.map((stats) => containerStatsMessage(stats, containerAttributes(stats.container))) };
}

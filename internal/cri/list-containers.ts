import { containerItem } from './convert/container-status.ts';
import { matchesContainer } from './convert/filters.ts';
import type { CriParts } from './cri-parts.ts';
import { candidatesFor, wholeContainerFilter } from './filter-ids.ts';
import type { ListContainersRequest__Output } from './gen/runtime/v1/ListContainersRequest.ts';
import type { ListContainersResponse } from './gen/runtime/v1/ListContainersResponse.ts';
import { containerListView } from './views.ts';

/** ListContainers: from memory; the kubelet asks every second. */
export async function listContainers(
  parts: CriParts,
  request: ListContainersRequest__Output,
): Promise<ListContainersResponse> {
  const wanted = wholeContainerFilter(parts, request.filter);
  const views = candidatesFor(parts, wanted).map(containerListView);
  return { containers: views.filter((view) => matchesContainer(wanted, view)).map(containerItem) };
}

import { containerItem } from './convert/container-status.ts';
import { containerFilter, matchesContainer } from './convert/filters.ts';
import type { CriParts } from './cri-parts.ts';
import { wholeId } from './filter-ids.ts';
import type { ListContainersRequest__Output } from './gen/runtime/v1/ListContainersRequest.ts';
import type { ListContainersResponse } from './gen/runtime/v1/ListContainersResponse.ts';
import { containerListView } from './views.ts';

/** ListContainers: from memory; the kubelet asks every second. */
export async function listContainers(
  parts: CriParts,
  request: ListContainersRequest__Output,
): Promise<ListContainersResponse> {
  const { containers } = parts.containers;
  const filter = containerFilter(request.filter);
  const wanted = {
    ...filter,
    id: wholeId(containers, filter.id),
    sandboxId: wholeId(parts.sandboxes.sandboxes, filter.sandboxId),
  };
  const views = containers.list().map(containerListView);
  return { containers: views.filter((view) => matchesContainer(wanted, view)).map(containerItem) };
}

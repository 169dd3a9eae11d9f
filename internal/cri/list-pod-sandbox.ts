import { matchesSandbox, sandboxFilter } from './convert/filters.ts';
import { podSandboxItem } from './convert/pod-sandbox-status.ts';
import type { CriParts } from './cri-parts.ts';
import { wholeId } from './filter-ids.ts';
import type { ListPodSandboxRequest__Output } from './gen/runtime/v1/ListPodSandboxRequest.ts';
import type { ListPodSandboxResponse } from './gen/runtime/v1/ListPodSandboxResponse.ts';
import { sandboxView } from './views.ts';

/** ListPodSandbox: from memory; the kubelet asks every second. */
export async function listPodSandbox(
  parts: CriParts,
  request: ListPodSandboxRequest__Output,
): Promise<ListPodSandboxResponse> {
  const { sandboxes } = parts.sandboxes;
  const filter = sandboxFilter(request.filter);
  const wanted = { ...filter, id: wholeId(sandboxes, filter.id) };
  const views = sandboxes.list().map(sandboxView);
  return { items: views.filter((view) => matchesSandbox(wanted, view)).map(podSandboxItem) };
}

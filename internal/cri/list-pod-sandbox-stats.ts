import { inTurns } from '../async/in-turns.ts';
import { measureSandbox } from '../sandbox/sandbox-stats.ts';
import { matchesSandbox, sandboxFilter } from './convert/filters.ts';
import type { CriParts } from './cri-parts.ts';
import { wholeId } from './filter-ids.ts';
import type { ListPodSandboxStatsRequest__Output } from './gen/runtime/v1/ListPodSandboxStatsRequest.ts';
import type { ListPodSandboxStatsResponse } from './gen/runtime/v1/ListPodSandboxStatsResponse.ts';
import { statsMessage } from './pod-sandbox-stats.ts';
import { sandboxView } from './views.ts';

/** ListPodSandboxStats: of the pods that are ready. */
export async function listPodSandboxStats(
  parts: CriParts,
  request: ListPodSandboxStatsRequest__Output,
): Promise<ListPodSandboxStatsResponse> {
  const { sandboxes } = parts.sandboxes;
  const filter = sandboxFilter(request.filter);
  const wanted = { ...filter, id: wholeId(sandboxes, filter.id), state: 'ready' as const };
  const chosen = sandboxes.list().filter((sandbox) => matchesSandbox(wanted, sandboxView(sandbox)));
  const all = await inTurns(chosen, (sandbox) => measureSandbox(parts.sandboxes, sandbox));
  return { stats: all.map(statsMessage) };
}

import { measureSandbox, type SandboxStats } from '../sandbox/sandbox-stats.ts';
import { containerStatsMessage, podSandboxStatsMessage } from './convert/stats.ts';
import type { CriParts } from './cri-parts.ts';
import type { PodSandboxStats } from './gen/runtime/v1/PodSandboxStats.ts';
import type { PodSandboxStatsRequest__Output } from './gen/runtime/v1/PodSandboxStatsRequest.ts';
import type { PodSandboxStatsResponse } from './gen/runtime/v1/PodSandboxStatsResponse.ts';
import { containerAttributes, sandboxAttributes } from './views.ts';

/** PodSandboxStats: the pod's cgroup and network, and its living containers. NotFound for an unknown id. */
export async function podSandboxStats(
  parts: CriParts,
  request: PodSandboxStatsRequest__Output,
): Promise<PodSandboxStatsResponse> {
  const sandbox = parts.sandboxes.sandboxes.get(request.podSandboxId);
  return { stats: statsMessage(await measureSandbox(parts.sandboxes, sandbox)) };
}

/** One pod's message. */
export function statsMessage(stats: SandboxStats): PodSandboxStats {
  const containers = stats.containers.map((one) =>
    containerStatsMessage(one, containerAttributes(one.container)),
  );
  return podSandboxStatsMessage(stats, sandboxAttributes(stats.sandbox), containers);
}

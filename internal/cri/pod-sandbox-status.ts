import { containerStatus } from './convert/container-status.ts';
import { podSandboxStatus as statusMessage } from './convert/pod-sandbox-status.ts';
import type { CriParts } from './cri-parts.ts';
import type { PodSandboxStatusRequest__Output } from './gen/runtime/v1/PodSandboxStatusRequest.ts';
import type { PodSandboxStatusResponse } from './gen/runtime/v1/PodSandboxStatusResponse.ts';
import { sandboxInfo } from './verbose-info.ts';
import { containerStatusView, sandboxView } from './views.ts';

/**
 * PodSandboxStatus: NotFound for an unknown id. The timestamp stays 0, which tells a kubelet with evented PLEG that the
 * containers' statuses in the answer are not versioned.
 */
export async function podSandboxStatus(
  parts: CriParts,
  request: PodSandboxStatusRequest__Output,
): Promise<PodSandboxStatusResponse> {
  const sandbox = parts.sandboxes.sandboxes.get(request.podSandboxId);
  const own = parts.containers.containers.ofSandbox(sandbox.id);
  return {
    status: statusMessage(sandboxView(sandbox)),
    containersStatuses: own.map((container) => containerStatus(containerStatusView(container))),
    ...(request.verbose && { info: { info: await sandboxInfo(parts, sandbox) } }),
  };
}

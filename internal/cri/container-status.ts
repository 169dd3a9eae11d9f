import { containerStatus as statusMessage } from './convert/container-status.ts';
import type { CriParts } from './cri-parts.ts';
import type { ContainerStatusRequest__Output } from './gen/runtime/v1/ContainerStatusRequest.ts';
import type { ContainerStatusResponse } from './gen/runtime/v1/ContainerStatusResponse.ts';
import { containerInfo } from './verbose-info.ts';
import { containerStatusView } from './views.ts';

/** ContainerStatus: from memory, unless it is verbose; NotFound for an unknown id. */
export async function containerStatus(
  parts: CriParts,
  request: ContainerStatusRequest__Output,
): Promise<ContainerStatusResponse> {
  const container = parts.containers.containers.get(request.containerId);
  return {
    status: statusMessage(containerStatusView(container)),
    ...(request.verbose && { info: { info: await containerInfo(parts, container) } }),
  };
}

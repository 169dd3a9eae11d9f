import { stopContainer as stop } from '../container/stop-container.ts';
import type { CriParts } from './cri-parts.ts';
import type { StopContainerRequest__Output } from './gen/runtime/v1/StopContainerRequest.ts';
import type { StopContainerResponse } from './gen/runtime/v1/StopContainerResponse.ts';

/** StopContainer: idempotent; an unknown id is success; the timeout is the grace period in seconds. */
export async function stopContainer(
  parts: CriParts,
  request: StopContainerRequest__Output,
  signal: AbortSignal,
): Promise<StopContainerResponse> {
  await stop(parts.containers, request.containerId, Number(request.timeout), signal);
  return {};
}

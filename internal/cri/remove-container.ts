import { removeContainer as remove } from '../container/remove-container.ts';
import type { CriParts } from './cri-parts.ts';
import type { RemoveContainerRequest__Output } from './gen/runtime/v1/RemoveContainerRequest.ts';
import type { RemoveContainerResponse } from './gen/runtime/v1/RemoveContainerResponse.ts';

/** RemoveContainer: idempotent; an unknown id is success; a running container is killed first. */
export async function removeContainer(
  parts: CriParts,
  request: RemoveContainerRequest__Output,
  signal: AbortSignal,
): Promise<RemoveContainerResponse> {
  await remove(parts.containers, request.containerId, signal);
  return {};
}

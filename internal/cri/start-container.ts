import { startContainer as start } from '../container/start-container.ts';
import type { CriParts } from './cri-parts.ts';
import type { StartContainerRequest__Output } from './gen/runtime/v1/StartContainerRequest.ts';
import type { StartContainerResponse } from './gen/runtime/v1/StartContainerResponse.ts';

/** StartContainer: for created containers only. */
export async function startContainer(
  parts: CriParts,
  request: StartContainerRequest__Output,
): Promise<StartContainerResponse> {
  await start(parts.containers, request.containerId);
  return {};
}

import { updateContainerResources as update } from '../container/update-container-resources.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { resourcesFromMessage } from './convert/resources.ts';
import type { CriParts } from './cri-parts.ts';
import type { UpdateContainerResourcesRequest__Output } from './gen/runtime/v1/UpdateContainerResourcesRequest.ts';
import type { UpdateContainerResourcesResponse } from './gen/runtime/v1/UpdateContainerResourcesResponse.ts';

/** UpdateContainerResources: for created and running containers. */
export async function updateContainerResources(
  parts: CriParts,
  { containerId, linux }: UpdateContainerResourcesRequest__Output,
): Promise<UpdateContainerResourcesResponse> {
  if (!linux)
    throw new DaemonError(
      'invalid-argument',
      `the update of container "${containerId}" names no linux resources`,
    );
  await update(parts.containers, containerId, resourcesFromMessage(linux, 'linux'));
  return {};
}

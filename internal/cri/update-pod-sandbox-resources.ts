import { updatePodResources } from '../sandbox/pod-resources.ts';
import { resourcesFromMessage } from './convert/resources.ts';
import type { CriParts } from './cri-parts.ts';
import type { UpdatePodSandboxResourcesRequest__Output } from './gen/runtime/v1/UpdatePodSandboxResourcesRequest.ts';
import type { UpdatePodSandboxResourcesResponse } from './gen/runtime/v1/UpdatePodSandboxResourcesResponse.ts';

/** UpdatePodSandboxResources: the kubelet has changed the pod's cgroup and tells it. */
export async function updatePodSandboxResources(
  parts: CriParts,
  { podSandboxId, overhead, resources }: UpdatePodSandboxResourcesRequest__Output,
): Promise<UpdatePodSandboxResourcesResponse> {
  await updatePodResources(parts.sandboxes, podSandboxId, {
    overhead: overhead ? resourcesFromMessage(overhead, 'overhead') : undefined,
    resources: resources ? resourcesFromMessage(resources, 'resources') : undefined,
  });
  return {};
}

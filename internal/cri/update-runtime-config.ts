import type { CriParts } from './cri-parts.ts';
import type { UpdateRuntimeConfigRequest__Output } from './gen/runtime/v1/UpdateRuntimeConfigRequest.ts';
import type { UpdateRuntimeConfigResponse } from './gen/runtime/v1/UpdateRuntimeConfigResponse.ts';

/**
 * UpdateRuntimeConfig: the node's pod CIDR. It belongs to the network provider's own configuration, which CNI plugins
 * read from its file; as in CRI-O nothing is derived from it here.
 */
export async function updateRuntimeConfig(
  parts: CriParts,
  request: UpdateRuntimeConfigRequest__Output,
): Promise<UpdateRuntimeConfigResponse> {
  const podCidr = request.runtimeConfig?.networkConfig?.podCidr ?? '';
  parts.logger.info({ podCidr }, 'kubelet told the pod CIDR; the CNI configuration decides');
  return {};
}

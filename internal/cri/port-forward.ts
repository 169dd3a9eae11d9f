import { offerPortForward } from '../streaming/offer-streams.ts';
import { nonEmpty } from './convert/fields.ts';
import type { CriParts } from './cri-parts.ts';
import type { PortForwardRequest__Output } from './gen/runtime/v1/PortForwardRequest.ts';
import type { PortForwardResponse } from './gen/runtime/v1/PortForwardResponse.ts';

/** PortForward: where a client finds the way to the pod's ports; they may be named there. */
export async function portForward(
  parts: CriParts,
  request: PortForwardRequest__Output,
): Promise<PortForwardResponse> {
  const sandboxId = nonEmpty(request.podSandboxId, 'pod_sandbox_id');
  return { url: offerPortForward(parts, sandboxId, request.port) };
}

import { removeSandbox } from '../sandbox/remove-sandbox.ts';
import type { CriParts } from './cri-parts.ts';
import type { RemovePodSandboxRequest__Output } from './gen/runtime/v1/RemovePodSandboxRequest.ts';
import type { RemovePodSandboxResponse } from './gen/runtime/v1/RemovePodSandboxResponse.ts';

/** RemovePodSandbox: idempotent; an unknown id is success; containers that are left are removed too. */
export async function removePodSandbox(
  parts: CriParts,
  request: RemovePodSandboxRequest__Output,
  signal: AbortSignal,
): Promise<RemovePodSandboxResponse> {
  await removeSandbox(parts.sandboxes, request.podSandboxId, signal);
  return {};
}

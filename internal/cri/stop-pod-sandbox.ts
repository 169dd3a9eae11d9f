import { stopSandbox } from '../sandbox/stop-sandbox.ts';
import type { CriParts } from './cri-parts.ts';
import type { StopPodSandboxRequest__Output } from './gen/runtime/v1/StopPodSandboxRequest.ts';
import type { StopPodSandboxResponse } from './gen/runtime/v1/StopPodSandboxResponse.ts';

/** StopPodSandbox: idempotent; an unknown id is success. */
export async function stopPodSandbox(
  parts: CriParts,
  request: StopPodSandboxRequest__Output,
  signal: AbortSignal,
): Promise<StopPodSandboxResponse> {
  await stopSandbox(parts.sandboxes, request.podSandboxId, signal);
  return {};
}

import { runSandbox } from '../sandbox/run-sandbox.ts';
import { sandboxConfig } from './convert/sandbox-config.ts';
import type { CriParts } from './cri-parts.ts';
import type { RunPodSandboxRequest__Output } from './gen/runtime/v1/RunPodSandboxRequest.ts';
import type { RunPodSandboxResponse } from './gen/runtime/v1/RunPodSandboxResponse.ts';

/** RunPodSandbox: a retry of the same request joins the running work, or gets the id of the ready sandbox. */
export async function runPodSandbox(
  parts: CriParts,
  request: RunPodSandboxRequest__Output,
  signal: AbortSignal,
): Promise<RunPodSandboxResponse> {
  const asked = { config: sandboxConfig(request.config), handler: request.runtimeHandler };
  return { podSandboxId: await runSandbox(parts.sandboxes, asked, signal) };
}

import { execSync as exec } from '../container/exec-sync.ts';
import type { CriParts } from './cri-parts.ts';
import type { ExecSyncRequest__Output } from './gen/runtime/v1/ExecSyncRequest.ts';
import type { ExecSyncResponse } from './gen/runtime/v1/ExecSyncResponse.ts';

/** ExecSync: a command's output and exit code; DeadlineExceeded at the timeout, which is in seconds. */
export async function execSync(
  parts: CriParts,
  request: ExecSyncRequest__Output,
  signal: AbortSignal,
): Promise<ExecSyncResponse> {
  const command = { command: request.cmd, timeoutSeconds: Number(request.timeout) };
  const { stdout, stderr, exitCode } = await exec(parts.containers, request.containerId, command, signal);
  return { stdout, stderr, exitCode };
}

// How a sandbox's status changes.

import { describeError } from '../errors/daemon-error.ts';
import type { Sandbox, SandboxStatus } from './sandbox.ts';
import { sandboxPaths, statusFile } from './sandbox-files.ts';
import type { SandboxParts } from './sandbox-parts.ts';

/**
 * Takes in what has happened to a sandbox, disk first. A disk that is full does not keep it from being stopped and
 * removed: the next daemon finds the same again by the namespaces and the infra container.
 */
export async function recordSandboxStatus(
  parts: SandboxParts,
  sandbox: Sandbox,
  status: SandboxStatus,
): Promise<void> {
  try {
    await statusFile.write(sandboxPaths(parts.directories, sandbox.id).status, status);
  } catch (cause) {
    const fields = { sandboxId: sandbox.id, state: status.state, error: describeError(cause) };
    parts.containers.logger.error(fields, 'cannot write sandbox status');
  }
  sandbox.setStatus(status);
}

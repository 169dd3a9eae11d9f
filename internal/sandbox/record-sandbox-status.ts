// How a sandbox's status changes.

import { describeError } from '../errors/daemon-error.ts';
import type { Sandbox, SandboxStatus } from './sandbox.ts';
import { sandboxPaths, statusFile } from './sandbox-files.ts';
import type { SandboxParts } from './sandbox-parts.ts';

/**
 * Takes in what has happened to a sandbox, disk first; the rest of its status stays, also what another change says at the
 * same time. A disk that is full does not keep it from being stopped and removed: the next daemon finds the same again by
 * the namespaces and the infra container. Takes the sandbox's lock. A sandbox that is removed stays so.
 */
export async function recordSandboxStatus(
  parts: SandboxParts,
  sandbox: Sandbox,
  change: Partial<SandboxStatus>,
): Promise<void> {
  const { locks, logger } = parts.containers;
  await locks.run(sandbox.id, async () => {
    if (parts.sandboxes.find(sandbox.id) !== sandbox) return;
    const status = { ...sandbox.status, ...change };
    try {
      await statusFile.write(sandboxPaths(parts.directories, sandbox.id).status, status);
    } catch (cause) {
      const fields = { sandboxId: sandbox.id, state: status.state, error: describeError(cause) };
      logger.error(fields, 'cannot write sandbox status');
    }
    sandbox.setStatus(status);
  });
}

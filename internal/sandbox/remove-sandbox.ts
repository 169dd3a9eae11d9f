// RemovePodSandbox: stops the sandbox, removes its containers and its records.

import { allEnded } from '../async/all-ended.ts';
import { removeContainer } from '../container/remove-container.ts';
import { removeTree } from '../fs/directories.ts';
import type { Sandbox } from './sandbox.ts';
import { sandboxPaths } from './sandbox-files.ts';
import type { SandboxParts } from './sandbox-parts.ts';
import { stopSandbox } from './stop-sandbox.ts';

/**
 * Removes a sandbox with all its containers; running ones are killed (CRI). Unknown is success. When a step fails the
 * record stays, so that the next call goes on.
 */
export async function removeSandbox(
  parts: SandboxParts,
  idOrPrefix: string,
  signal: AbortSignal,
): Promise<void> {
  const sandbox = parts.sandboxes.find(idOrPrefix);
  if (sandbox === undefined) return;
  await stopSandbox(parts, sandbox.id, signal);
  await parts.containers.locks.run(sandbox.id, async () => {
    if (parts.sandboxes.find(sandbox.id) !== sandbox) return; // a call beside this one was first
    await removeContainers(parts, sandbox);
    const paths = sandboxPaths(parts.directories, sandbox.id);
    await removeTree(paths.runDirectory);
    await removeTree(paths.dataDirectory);
    parts.sandboxes.delete(sandbox);
    parts.containers.logger.info({ sandboxId: sandbox.id }, 'removed sandbox');
  });
}

async function removeContainers(parts: SandboxParts, sandbox: Sandbox): Promise<void> {
  const own = parts.containers.containers.ofSandbox(sandbox.id);
  const never = new AbortController().signal;
  await allEnded(own.map((container) => removeContainer(parts.containers, container.id, never)));
}

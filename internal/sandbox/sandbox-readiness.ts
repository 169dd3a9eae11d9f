// What a sandbox is ready by: its namespaces and its infra container.

import { isNamespace } from '../fs/pinned-namespace.ts';
import type { PinnedNamespaces } from '../namespaces/namespace-pinner.ts';
import { recordSandboxStatus } from './record-sandbox-status.ts';
import type { Sandbox } from './sandbox.ts';
import type { SandboxParts } from './sandbox-parts.ts';

/** From now on a sandbox whose infra container ends is not ready. Called once. */
export function watchInfra(parts: SandboxParts): void {
  parts.containers.monitors.onExit((id) => {
    const sandbox = parts.sandboxes.find(id);
    if (sandbox?.status.state === 'ready') void setNotReady(parts, sandbox, 'its infra container has ended');
  });
}

/** Follows the infra container, and finds an end that came before the sandbox was visible or while no daemon looked. */
export async function checkInfra(parts: SandboxParts, sandbox: Sandbox): Promise<void> {
  const { infra } = sandbox.status;
  if (infra === undefined) return;
  const found = await parts.containers.monitors.adopt(sandbox.id, infra);
  if (found.phase === 'exited') await setNotReady(parts, sandbox, 'its infra container has ended');
}

/** Looks at everything of a sandbox that an earlier daemon has left as ready. */
export async function checkAlive(parts: SandboxParts, sandbox: Sandbox): Promise<void> {
  if ((await checkNamespaces(parts, sandbox)) === undefined) await checkInfra(parts, sandbox);
}

/**
 * The namespace of a sandbox that somebody has taken away; undefined when all are there. A sandbox that lacks one is not ready
 * afterwards: nothing can be started in it any more, and the kubelet makes another one.
 */
export async function checkNamespaces(
  parts: SandboxParts,
  sandbox: Sandbox,
): Promise<keyof PinnedNamespaces | undefined> {
  const { namespaces } = sandbox.status;
  for (const kind of Object.keys(namespaces) as (keyof PinnedNamespaces)[]) {
    const path = namespaces[kind];
    if (path === undefined || (await isNamespace(path))) continue;
    await setNotReady(parts, sandbox, `its namespace ${path} is gone`);
    return kind;
  }
  return undefined;
}

async function setNotReady(parts: SandboxParts, sandbox: Sandbox, why: string): Promise<void> {
  parts.containers.logger.warn({ sandboxId: sandbox.id, why }, 'sandbox is not ready any more');
  await recordSandboxStatus(parts, sandbox, { state: 'not-ready' });
}

// What a sandbox is ready by: its namespaces and its infra container.

import { statfs } from 'node:fs/promises';
import { recordSandboxStatus } from './record-sandbox-status.ts';
import type { Sandbox } from './sandbox.ts';
import type { SandboxParts } from './sandbox-parts.ts';

/** Magic number of nsfs in statfs(2): what a pinned namespace's path must be on. */
const nsfsMagic = 0x6e736673;

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
  for (const path of Object.values(sandbox.status.namespaces)) {
    if (path === undefined || (await isPinned(path))) continue;
    await setNotReady(parts, sandbox, `its namespace ${path} is gone`);
    return;
  }
  await checkInfra(parts, sandbox);
}

async function isPinned(path: string): Promise<boolean> {
  return statfs(path).then(
    ({ type }) => type === nsfsMagic,
    () => false,
  );
}

async function setNotReady(parts: SandboxParts, sandbox: Sandbox, why: string): Promise<void> {
  parts.containers.logger.warn({ sandboxId: sandbox.id, why }, 'sandbox is not ready any more');
  await recordSandboxStatus(parts, sandbox, { ...sandbox.status, state: 'not-ready' });
}

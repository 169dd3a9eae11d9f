// After a start of the daemon: which sandboxes there are, by the disk, and how they are, by the kernel.

import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { describeError } from '../errors/daemon-error.ts';
import { ensureDirectory, listDirectory, removeTree } from '../fs/directories.ts';
import { StateFileError } from '../fs/state-file.ts';
import { isId } from '../records/id.ts';
import { removeInfra } from './infra-container.ts';
import { unmountShm } from './pod-files.ts';
import { Sandbox, type SandboxRecord, type SandboxStatus } from './sandbox.ts';
import { recordFile, sandboxPaths, statusFile } from './sandbox-files.ts';
import { detachById } from './sandbox-network.ts';
import type { SandboxParts } from './sandbox-parts.ts';

/** Magic number of nsfs in statfs(2): what a pinned namespace's path must be on. */
const nsfsMagic = 0x6e736673;

/**
 * Reads all records and looks at namespaces and infra containers, in parallel. Afterwards each sandbox is in the store
 * with its real state; half-made ones, and ones whose records are torn, are undone.
 */
export async function restoreSandboxes(parts: SandboxParts): Promise<void> {
  parts.containers.monitors.onExit((id) => {
    const sandbox = parts.sandboxes.find(id);
    if (sandbox?.status.state === 'ready') void setNotReady(parts, sandbox, 'its infra container has ended');
  });
  const ids = (await listDirectory(parts.directories.data)).filter(isId);
  await Promise.all(ids.map((sandboxId) => restoreLogged(parts, sandboxId)));
}

/** False when a sandbox is gone for good; one whose files could not be read just now is not. For use after the restore. */
export function knowsSandbox(parts: SandboxParts, sandboxId: string): boolean {
  if (parts.sandboxes.find(sandboxId) !== undefined) return true;
  return existsSync(sandboxPaths(parts.directories, sandboxId).dataDirectory);
}

async function restoreLogged(parts: SandboxParts, sandboxId: string): Promise<void> {
  try {
    await restoreSandbox(parts, sandboxId);
  } catch (cause) {
    const error = describeError(cause);
    const text = 'cannot restore sandbox; its files are left for the next start';
    parts.containers.logger.error({ sandboxId, error }, text);
  }
}

async function restoreSandbox(parts: SandboxParts, sandboxId: string): Promise<void> {
  const paths = sandboxPaths(parts.directories, sandboxId);
  let record: SandboxRecord | undefined;
  let status: SandboxStatus | undefined;
  try {
    record = await recordFile.read(paths.metadata);
    status = await statusFile.read(paths.status);
  } catch (cause) {
    if (!(cause instanceof StateFileError)) throw cause;
    parts.containers.logger.error({ sandboxId, error: cause.message }, 'sandbox record cannot be used');
    record = undefined;
  }
  if (record === undefined || status?.state === 'creating') {
    try {
      await undoSandbox(parts, sandboxId, record);
      return;
    } catch (cause) {
      if (record === undefined) throw cause;
      // It stays visible, so that the kubelet's stop and remove go on with it.
      parts.containers.logger.error({ sandboxId, error: describeError(cause) }, 'cannot undo a sandbox');
      status = lostStatus;
    }
  }
  if (status === undefined) await ensureDirectory(paths.runDirectory); // a reboot has emptied its parent
  const sandbox = new Sandbox(record, status ?? lostStatus);
  parts.sandboxes.add(sandbox);
  if (sandbox.status.state === 'ready') await checkAlive(parts, sandbox);
}

async function checkAlive(parts: SandboxParts, sandbox: Sandbox): Promise<void> {
  const { namespaces, infra } = sandbox.status;
  for (const path of Object.values(namespaces)) {
    if (path === undefined || (await isPinned(path))) continue;
    await setNotReady(parts, sandbox, `its namespace ${path} is gone`);
    return;
  }
  if (infra === undefined) return;
  const found = await parts.containers.monitors.adopt(sandbox.id, infra);
  if (found.phase === 'exited') await setNotReady(parts, sandbox, 'its infra container has ended');
}

async function isPinned(path: string): Promise<boolean> {
  return statfs(path).then(
    ({ type }) => type === nsfsMagic,
    () => false,
  );
}

async function setNotReady(parts: SandboxParts, sandbox: Sandbox, why: string): Promise<void> {
  const { logger } = parts.containers;
  const status: SandboxStatus = { ...sandbox.status, state: 'not-ready' };
  sandbox.setStatus(status);
  logger.warn({ sandboxId: sandbox.id, why }, 'sandbox is not ready any more');
  await statusFile
    .write(sandboxPaths(parts.directories, sandbox.id).status, status)
    .catch((cause: unknown) => {
      logger.error({ sandboxId: sandbox.id, error: describeError(cause) }, 'cannot write sandbox status');
    });
}

/** Removes all traces of a sandbox that was never complete, or whose record is torn. */
async function undoSandbox(
  parts: SandboxParts,
  sandboxId: string,
  record: SandboxRecord | undefined,
): Promise<void> {
  const paths = sandboxPaths(parts.directories, sandboxId);
  const { monitors, runtimes, logger } = parts.containers;
  if (record !== undefined) {
    await removeInfra(parts, record);
  } else {
    for (const { runtime } of runtimes.list()) await runtime.delete(sandboxId);
    await monitors.remove(sandboxId);
  }
  await detachById(parts, sandboxId);
  await parts.namespaces.unpin(sandboxId);
  await unmountShm(paths);
  await removeTree(paths.runDirectory);
  await removeTree(paths.dataDirectory);
  logger.warn({ sandboxId }, 'removed a sandbox that was not complete');
}

/** After a reboot the run directory is empty and nothing of the sandbox is in the kernel, but CNI may keep its address. */
const lostStatus: SandboxStatus = {
  state: 'not-ready',
  ips: [],
  namespaces: { network: undefined, ipc: undefined, uts: undefined },
  infra: undefined,
  tornDown: false,
};

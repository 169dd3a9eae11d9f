// After a start of the daemon: which sandboxes there are, by the disk, and how they are, by the kernel.

import { existsSync } from 'node:fs';
import { waitFor } from '../async/wait-for.ts';
import { describeError } from '../errors/daemon-error.ts';
import { ensureDirectory, listDirectory, removeTree } from '../fs/directories.ts';
import { StateFileError } from '../fs/state-file.ts';
import { isId } from '../records/id.ts';
import { removeInfra } from './infra-container.ts';
import { unmountShm } from './pod-files.ts';
import { bareStatus, Sandbox, type SandboxRecord, type SandboxStatus } from './sandbox.ts';
import { podResourcesFile, recordFile, sandboxPaths, statusFile } from './sandbox-files.ts';
import { detachById } from './sandbox-network.ts';
import type { SandboxParts } from './sandbox-parts.ts';
import { checkAlive, watchInfra } from './sandbox-readiness.ts';

/**
 * How long the start of the daemon waits for monitors and for what is undone; it serves then, with every record known, and
 * goes on in the background.
 */
const checkTimeoutMs = 5000;

/**
 * Reads all records and looks at namespaces and infra containers, in parallel. Afterwards each sandbox is in the store
 * with its real state; half-made ones, and ones whose records are torn, are undone.
 */
export async function restoreSandboxes(parts: SandboxParts): Promise<void> {
  watchInfra(parts);
  const ids = (await listDirectory(parts.directories.data)).filter(isId);
  const checks = await Promise.all(ids.map((sandboxId) => restoreLogged(parts, sandboxId)));
  await waitFor(Promise.all(checks.map((check) => check())), AbortSignal.timeout(checkTimeoutMs)).catch(
    () => {
      parts.containers.logger.error({}, 'sandboxes that do not answer are shown as they were last known');
    },
  );
}

/** False when a sandbox is gone for good; one whose files could not be read just now is not. For use after the restore. */
export function knowsSandbox(parts: SandboxParts, sandboxId: string): boolean {
  if (parts.sandboxes.find(sandboxId) !== undefined) return true;
  return existsSync(sandboxPaths(parts.directories, sandboxId).dataDirectory);
}

/** What remains to be done for a sandbox when all records are known. Does not reject. */
type Check = () => Promise<void>;

async function restoreLogged(parts: SandboxParts, sandboxId: string): Promise<Check> {
  try {
    return await restoreSandbox(parts, sandboxId);
  } catch (cause) {
    leaveFiles(parts, sandboxId, cause);
    return async () => {};
  }
}

function leaveFiles(parts: SandboxParts, sandboxId: string, cause: unknown): void {
  const fields = { sandboxId, error: describeError(cause) };
  parts.containers.logger.error(fields, 'cannot restore sandbox; its files are left for the next start');
}

async function restoreSandbox(parts: SandboxParts, sandboxId: string): Promise<Check> {
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
  if (record === undefined || status?.state === 'creating') return () => undoOrKeep(parts, sandboxId, record);
  if (status === undefined) await ensureDirectory(paths.runDirectory); // a reboot has emptied its parent
  const sandbox = new Sandbox(record, status ?? lostStatus);
  sandbox.updatedResources = await updatedResources(parts, sandboxId);
  parts.sandboxes.add(sandbox);
  return () => checkLogged(parts, sandbox);
}

/** A record that cannot be used costs the pod nothing: the kubelet says the same again when it next changes something. */
async function updatedResources(
  parts: SandboxParts,
  sandboxId: string,
): Promise<Sandbox['updatedResources']> {
  try {
    return await podResourcesFile.read(sandboxPaths(parts.directories, sandboxId).resources);
  } catch (cause) {
    const fields = { sandboxId, error: describeError(cause) };
    parts.containers.logger.error(fields, 'the updated resources of a sandbox cannot be read');
    return undefined;
  }
}

async function checkLogged(parts: SandboxParts, sandbox: Sandbox): Promise<void> {
  if (sandbox.status.state !== 'ready') return;
  await checkAlive(parts, sandbox).catch((cause: unknown) => {
    const fields = { sandboxId: sandbox.id, error: describeError(cause) };
    parts.containers.logger.error(fields, 'cannot find out how a sandbox is');
  });
}

/** What cannot be undone stays visible, so that the kubelet's stop and remove go on with it. */
async function undoOrKeep(
  parts: SandboxParts,
  sandboxId: string,
  record: SandboxRecord | undefined,
): Promise<void> {
  try {
    await undoSandbox(parts, sandboxId, record);
  } catch (cause) {
    if (record === undefined) {
      leaveFiles(parts, sandboxId, cause);
      return;
    }
    const error = describeError(cause);
    parts.containers.logger.error({ sandboxId, error }, 'cannot undo a sandbox');
    parts.sandboxes.add(new Sandbox(record, lostStatus));
  }
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
  const outcome = await detachById(parts, sandboxId);
  if (outcome === 'released') await parts.namespaces.unpin(sandboxId);
  await unmountShm(paths);
  await removeTree(paths.runDirectory);
  await removeTree(paths.dataDirectory);
  logger.warn({ sandboxId }, 'removed a sandbox that was not complete');
}

/** After a reboot the run directory is empty and nothing of the sandbox is in the kernel, but CNI may keep its address. */
const lostStatus = bareStatus('not-ready');

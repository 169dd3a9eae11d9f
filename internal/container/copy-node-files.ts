// Copies of files of the node for one container.

import { chmod, chown, copyFile, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';

export interface CopyLimits {
  /** Of all files together: the copies are on the node's tmpfs, and every container has its own. */
  readonly bytes: number;
  readonly entries: number;
  /** Directories within each other; a link to a directory above it would never end. */
  readonly depth: number;
}

export interface CopyRequest {
  /** A file or a directory; links are followed. */
  readonly source: string;
  /** Does not exist. */
  readonly target: string;
  readonly owner: { readonly uid: number; readonly gid: number };
}

const usualLimits: CopyLimits = { bytes: 64 * 1024 * 1024, entries: 10_000, depth: 32 };

/**
 * Copies what `source` means, with its permissions. A link below it that leads nowhere is left out, as every reader of mounts.conf
 * does: those of a subscription are there before the subscription is. ENOENT for a source that is not there;
 * `failed-precondition` for one that is no file, or too large. What was copied until then stays.
 */
export async function copyNodeFiles(request: CopyRequest, limits: CopyLimits = usualLimits): Promise<void> {
  await copyEntry(request, { top: request.source, left: { ...limits } }, 0);
}

interface Progress {
  readonly top: string;
  readonly left: { bytes: number; entries: number; depth: number };
}

async function copyEntry(request: CopyRequest, progress: Progress, depth: number): Promise<void> {
  const { source, target, owner } = request;
  const { top, left } = progress;
  const found = await stat(source);
  left.entries -= 1;
  if (found.isFile()) left.bytes -= found.size;
  if (left.bytes < 0 || left.entries < 0 || depth > left.depth)
    throw refused(top, 'it is too large, or a link in it leads to a directory above');
  if (found.isDirectory()) {
    await mkdir(target, { mode: 0o700 });
    await copyChildren(request, progress, depth);
  } else if (found.isFile()) await copyFile(source, target);
  else throw refused(source, 'it is neither a file nor a directory');
  await chown(target, owner.uid, owner.gid);
  await chmod(target, found.mode & 0o777);
}

async function copyChildren(
  { source, target, owner }: CopyRequest,
  progress: Progress,
  depth: number,
): Promise<void> {
  for (const name of await readdir(source)) {
    const child = { source: join(source, name), target: join(target, name), owner };
    try {
      await copyEntry(child, progress, depth + 1);
    } catch (cause) {
      if (!isENOENT(cause)) throw cause;
    }
  }
}

function refused(path: string, why: string): DaemonError {
  return new DaemonError('failed-precondition', `"${path}" of mounts.conf cannot be copied: ${why}`);
}

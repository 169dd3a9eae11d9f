// Making and deleting the daemon's own directories.

import { lstat, mkdir, readdir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isENOENT } from '../errors/errno.ts';

/** Makes `path` and its missing parents; an existing directory keeps its mode. */
export async function ensureDirectory(path: string, mode = 0o700): Promise<void> {
  await mkdir(path, { recursive: true, mode });
}

/**
 * Deletes `path` and what is below it, but never enters another file system: a mount that could not be unmounted makes
 * this fail with EBUSY instead of emptying what is mounted there. Absent is success.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    const top = await lstat(path);
    if (top.isDirectory()) await removeDirectory(path, top.dev);
    else await unlink(path);
  } catch (cause) {
    if (!isENOENT(cause)) throw cause;
  }
}

async function removeDirectory(path: string, device: number): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const child = join(path, entry.name);
    if (!entry.isDirectory()) {
      await unlink(child);
      continue;
    }
    const { dev } = await lstat(child);
    if (dev === device) await removeDirectory(child, device);
    else await rmdir(child); // EBUSY: a mount point
  }
  await rmdir(path);
}

/** Names in a directory; empty when there is no such directory. */
export async function listDirectory(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (cause) {
    if (isENOENT(cause)) return [];
    throw cause;
  }
}

// Whole-or-nothing file writes.

import { randomBytes } from 'node:crypto';
import { open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface AtomicWriteOptions {
  readonly mode?: number;
  /** False for files on a tmpfs, where fsync says nothing. */
  readonly durable?: boolean;
}

/**
 * Replaces `path` by `data`: readers see the old content or the new, never a part.
 *
 * When durable (the default), the file and its directory are on disk when this resolves. On failure no temporary file
 * stays and `path` is as it was.
 */
export async function atomicWrite(
  path: string,
  data: string | Uint8Array,
  options: AtomicWriteOptions = {},
): Promise<void> {
  const durable = options.durable ?? true;
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  await writeAndRename(temporary, path, data, { ...options, durable });
  if (durable) await syncDirectory(dirname(path));
}

/**
 * The same by a temporary file of this name, for directories in which others know such files by their names. When durable,
 * the content is on disk before `path` has it; the new name is not.
 */
export async function writeAndRename(
  temporary: string,
  path: string,
  data: string | Uint8Array,
  { mode = 0o600, durable }: AtomicWriteOptions,
): Promise<void> {
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(data);
      if (durable) await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await unlink(temporary).catch(() => {});
    throw cause;
  }
}

/** Makes the names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

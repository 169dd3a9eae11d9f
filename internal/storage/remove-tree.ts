// Deletes a directory tree that a hostile image or container filled: names of any bytes, any depth. Node's own
// recursive rm decodes names as UTF-8 and gives up on those that are not.

import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { errnoCode, isENOENT } from '../errors/errno.ts';

/** Below this depth in bytes a directory is moved up to the root of the tree before it is entered, so that no path outgrows PATH_MAX. */
const longPathBytes = 2048;
const filesAtOnce = 16;

/** Deletes `path` and everything below it. Links are deleted, not followed. Absent is success. */
export async function removeTree(path: string): Promise<void> {
  try {
    const root = Buffer.from(path);
    await removeDirectory(root, root);
  } catch (cause) {
    if (isENOENT(cause)) return;
    if (errnoCode(cause) !== 'ENOTDIR') throw cause;
    await unlink(path);
  }
}

async function removeDirectory(path: Buffer, refuge: Buffer): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true, encoding: 'buffer' });
  const directories = entries.filter((entry) => entry.isDirectory());
  const files = entries.filter((entry) => !entry.isDirectory());
  for (let at = 0; at < files.length; at += filesAtOnce) {
    await Promise.all(files.slice(at, at + filesAtOnce).map((entry) => unlink(childOf(path, entry))));
  }
  for (const entry of directories) await removeDirectory(await withinReach(path, entry, refuge), refuge);
  await rmdir(path);
}

function childOf(path: Buffer, entry: Dirent<Buffer>): Buffer {
  return Buffer.concat([path, Buffer.from('/'), entry.name]);
}

async function withinReach(path: Buffer, entry: Dirent<Buffer>, refuge: Buffer): Promise<Buffer> {
  const child = childOf(path, entry);
  if (child.length - refuge.length < longPathBytes) return child;
  const near = Buffer.concat([refuge, Buffer.from(`/.deep-${randomBytes(8).toString('hex')}`)]);
  await rename(child, near);
  return near;
}

// Making and deleting the daemon's own directories.

import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { lstat, mkdir, readdir, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isEEXIST, isENOENT } from '../errors/errno.ts';

/** Below this depth in bytes a directory is moved up to the root of the tree before it is entered, so that no path outgrows PATH_MAX. */
const longPathBytes = 2048;
const filesAtOnce = 16;

/** Makes `path` and its missing parents; an existing directory keeps its mode. */
export async function ensureDirectory(path: string, mode = 0o700): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode });
  } catch (cause) {
    if (!isENOENT(cause)) throw cause;
    await makeEach(path, mode);
  }
}

/**
 * Node's recursive mkdir says ENOENT for a disk that is full (seen in 20.20), and for a link to a directory that is not there;
 * the plain one says what is wrong.
 */
async function makeEach(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (cause) {
    if (isEEXIST(cause) && (await stat(path).catch(() => undefined))?.isDirectory()) return;
    if (!isENOENT(cause) || dirname(path) === path) throw cause;
    await makeEach(dirname(path), mode);
    await mkdir(path, { mode });
  }
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

/**
 * Deletes `path` and what is below it: names of any bytes and any depth, as a hostile image or container makes them
 * (Node's own rm decodes names as UTF-8). Links are deleted, not followed. It never enters another file system: a mount
 * that could not be unmounted makes this fail with EBUSY instead of emptying what is mounted there. Absent is success.
 */
export async function removeTree(path: string): Promise<void> {
  const root = Buffer.from(path);
  await unlessGone(async () => {
    const top = await lstat(root);
    if (top.isDirectory()) await removeDirectory(root, { root, device: top.dev });
    else await unlink(root);
  });
}

interface Tree {
  readonly root: Buffer;
  readonly device: number;
}

async function removeDirectory(path: Buffer, tree: Tree): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true, encoding: 'buffer' });
  const files = entries.filter((entry) => !entry.isDirectory());
  for (let at = 0; at < files.length; at += filesAtOnce) {
    const some = files.slice(at, at + filesAtOnce);
    await Promise.all(some.map((entry) => unlessGone(() => unlink(childOf(path, entry)))));
  }
  for (const entry of entries) {
    if (entry.isDirectory()) await unlessGone(() => removeChild(childOf(path, entry), tree));
  }
  await rmdir(path);
}

async function removeChild(child: Buffer, tree: Tree): Promise<void> {
  const { dev } = await lstat(child);
  if (dev !== tree.device) return rmdir(child); // EBUSY: a mount point
  await removeDirectory(await withinReach(child, tree), tree);
}

async function withinReach(child: Buffer, { root }: Tree): Promise<Buffer> {
  if (child.length - root.length < longPathBytes) return child;
  const near = Buffer.concat([root, Buffer.from(`/.deep-${randomBytes(8).toString('hex')}`)]);
  await rename(child, near);
  return near;
}

function childOf(path: Buffer, entry: Dirent<Buffer>): Buffer {
  return Buffer.concat([path, Buffer.from('/'), entry.name]);
}

/** Somebody else may delete the same tree. */
async function unlessGone(step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (cause) {
    if (!isENOENT(cause)) throw cause;
  }
}

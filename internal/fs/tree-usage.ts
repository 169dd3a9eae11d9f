// How much a directory tree takes on its file system.

import { lstat, readdir } from 'node:fs/promises';
import { errnoCode, isENOENT } from '../errors/errno.ts';

export interface TreeUsage {
  readonly bytes: number;
  readonly inodes: number;
}

const slash = Buffer.from('/');
/** Of stat(2), whatever the file system's own block size. */
const blockBytes = 512;

/**
 * Counts what du(1) counts: allocated blocks, hard links once, other file systems not. What disappears meanwhile is left
 * out, and what lies deeper than a path can name: whoever fills the tree must not stop the count. It reads one directory
 * after the other, so that a large tree does not take the disk from those who work.
 */
export async function measureTree(root: string): Promise<TreeUsage> {
  const { dev } = await lstat(root);
  const linked = new Set<number>();
  const waiting = [Buffer.from(root)];
  let bytes = 0;
  let inodes = 0;
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const found = await orUnreachable(lstat(path));
    if (found === undefined || found.dev !== dev || linked.has(found.ino)) continue;
    if (found.nlink > 1 && !found.isDirectory()) linked.add(found.ino);
    bytes += found.blocks * blockBytes;
    inodes += 1;
    if (!found.isDirectory()) continue;
    // Names are bytes: an image may hold some that are no UTF-8.
    const names = (await orUnreachable(readdir(path, { encoding: 'buffer' }))) ?? [];
    for (const name of names) waiting.push(Buffer.concat([path, slash, name]));
  }
  return { bytes, inodes };
}

/** The bytes of a tree that may be gone already. */
export async function treeBytes(path: string): Promise<number> {
  return (await orUnreachable(measureTree(path)))?.bytes ?? 0;
}

async function orUnreachable<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (cause) {
    if (isENOENT(cause) || errnoCode(cause) === 'ENAMETOOLONG') return undefined;
    throw cause;
  }
}

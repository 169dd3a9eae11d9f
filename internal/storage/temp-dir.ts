// Directories of unfinished work inside the driver's home, in the form of containers/storage 1.62: `temp-dir-X` with
// `lock-X` beside it, locked by the owner while it lives. What a crash leaves is deleted by the next tool that looks. Their root exists only
// while it has any: the check of containers/storage before 1.59 takes it for a lost layer, and its repair deletes it.

import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { mkdir, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoCode, isEEXIST, isENOENT } from '../errors/errno.ts';
import { removeTree } from '../fs/directories.ts';
import { treeBytes } from '../fs/tree-usage.ts';
import { tryLockFile } from '../sys/file-lock.ts';

const directoryPrefix = 'temp-dir-';
const lockPrefix = 'lock-';

export class TempDir {
  readonly path: string;
  readonly #lockPath: string;
  #lockFd: number | undefined;
  #moved = 0;

  private constructor(path: string, lockPath: string, lockFd: number) {
    this.path = path;
    this.#lockPath = lockPath;
    this.#lockFd = lockFd;
  }

  /** Makes and locks a directory below `root`, which is made if it is missing; its parent must be there. */
  static async create(root: string): Promise<TempDir> {
    for (;;) {
      await makeRoot(root);
      const suffix = randomBytes(8).toString('hex');
      const lockPath = join(root, `${lockPrefix}${suffix}`);
      let lockFd: number | undefined;
      try {
        lockFd = lockNewFile(lockPath);
        if (lockFd === undefined) continue;
        const path = join(root, `${directoryPrefix}${suffix}`);
        await mkdir(path, { mode: 0o700 });
        return new TempDir(path, lockPath, lockFd);
      } catch (cause) {
        // Nothing stays that takes an inode: on a full disk it may be the last one.
        if (lockFd !== undefined) closeSync(lockFd);
        await unlink(lockPath).catch(() => {});
        await removeEmptyRoot(root);
        throw cause;
      }
    }
  }

  /**
   * Renames the directory into this one, to be deleted with it. One that the kernel does not let go, as of the lower layer
   * of an overlay or of another project quota, is deleted at once. Absent is success.
   */
  async take(path: string): Promise<void> {
    this.#moved += 1;
    try {
      await rename(path, join(this.path, String(this.#moved)));
    } catch (cause) {
      if (errnoCode(cause) === 'EXDEV') await removeTree(path);
      else if (!isENOENT(cause)) throw cause;
    }
  }

  /** Deletes the directory and all in it, then lets go of the lock. Idempotent. */
  async remove(): Promise<void> {
    if (this.#lockFd === undefined) return;
    const fd = this.#lockFd;
    this.#lockFd = undefined;
    try {
      await removeTree(this.path);
      await unlink(this.#lockPath).catch(() => {});
      await removeEmptyRoot(dirname(this.path));
    } finally {
      closeSync(fd);
    }
  }
}

async function makeRoot(root: string): Promise<void> {
  try {
    await mkdir(root, { mode: 0o700 }); // not recursive: that says ENOENT on a full disk
  } catch (cause) {
    if (!isEEXIST(cause)) throw cause;
  }
}

/** Others may work in it, or have removed it. */
async function removeEmptyRoot(root: string): Promise<void> {
  try {
    await rmdir(root);
  } catch (cause) {
    if (!isENOENT(cause) && errnoCode(cause) !== 'ENOTEMPTY') throw cause;
  }
}

/**
 * Deletes the directories below `root` whose owner is gone; those of living processes are left alone. Throws what was
 * in the way of one when it has been through all.
 */
export async function removeStaleTempDirs(root: string): Promise<readonly RemovedDir[]> {
  const names = await readdir(root).catch((cause: unknown) => {
    if (isENOENT(cause)) return [];
    throw cause;
  });
  const suffixes = new Set<string>();
  for (const name of names) {
    if (name.startsWith(directoryPrefix)) suffixes.add(name.slice(directoryPrefix.length));
    else if (name.startsWith(lockPrefix)) suffixes.add(name.slice(lockPrefix.length));
  }
  const failures: unknown[] = [];
  const removed: RemovedDir[] = [];
  for (const suffix of suffixes) {
    const bytes = await removeIfStale(root, suffix).catch((cause: unknown) => void failures.push(cause));
    if (bytes !== undefined) removed.push({ name: `${directoryPrefix}${suffix}`, bytes });
  }
  if (failures.length > 0) throw failures[0];
  await removeEmptyRoot(root);
  return removed;
}

export interface RemovedDir {
  readonly name: string;
  readonly bytes: number;
}

/** The bytes of what it deleted; undefined when the owner lives. */
async function removeIfStale(root: string, suffix: string): Promise<number | undefined> {
  const lockPath = join(root, `${lockPrefix}${suffix}`);
  const fd = openSync(lockPath, constants.O_RDWR | constants.O_CREAT, 0o644);
  try {
    if (!tryLockFile(fd, 'write')) return undefined;
    const path = join(root, `${directoryPrefix}${suffix}`);
    const bytes = await treeBytes(path);
    await removeTree(path);
    await unlink(lockPath).catch(() => {});
    return bytes;
  } finally {
    closeSync(fd);
  }
}

/** A new lock file, locked; undefined when somebody's clean-up took it, or the directory that it is in. */
function lockNewFile(path: string): number | undefined {
  const fd = createFile(path);
  if (fd === undefined) return undefined;
  if (tryLockFile(fd, 'write') && fstatSync(fd).nlink > 0) return fd;
  closeSync(fd);
  return undefined;
}

function createFile(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o644);
  } catch (cause) {
    if (isENOENT(cause)) return undefined;
    throw cause;
  }
}

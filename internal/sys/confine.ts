// Confines one worker thread to a directory. The rest of the process is not touched.

import { closeSync, constants, openSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { checked, cPath, libc } from './libc.ts';

const unshareCall = libc.func('int unshare(int flags)');
const chrootCall = libc.func('int chroot(const void *path)');
const chdirCall = libc.func('int chdir(const void *path)');
const fchdirCall = libc.func('int fchdir(int fd)');

const CLONE_FS = 0x200;

/**
 * The root directory of the calling worker thread, which it can change and change back.
 *
 * In it only *Sync calls of node:fs are confined: the others run on the pool's threads, which keep the root of the
 * process. Modules must be loaded before. It holds against names and links; code that runs in the thread could leave.
 */
export class ThreadRoot {
  readonly #hostRoot: number;

  /** Gives the thread a root and a working directory of its own, both as they are. */
  constructor() {
    if (isMainThread) throw new Error('the main thread cannot be confined');
    checked(unshareCall(CLONE_FS), 'unshare');
    this.#hostRoot = openSync('/', constants.O_RDONLY | constants.O_DIRECTORY);
  }

  /** Makes `directory`, a path on the host, the root. */
  enter(directory: string): void {
    this.leave();
    checked(chrootCall(cPath(directory)), 'chroot', directory);
    checked(chdirCall(cPath('/')), 'chdir');
  }

  /** Goes back to the host's root. */
  leave(): void {
    checked(fchdirCall(this.#hostRoot), 'fchdir');
    checked(chrootCall(cPath('.')), 'chroot');
  }

  close(): void {
    closeSync(this.#hostRoot);
  }
}

/** Gives the calling worker thread a working directory of its own, for good. */
export function enterDirectory(directory: string): void {
  if (isMainThread) throw new Error('the main thread cannot have its own working directory');
  checked(unshareCall(CLONE_FS), 'unshare');
  checked(chdirCall(cPath(directory)), 'chdir', directory);
}

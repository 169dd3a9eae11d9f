// Confines one worker thread to a directory. The rest of the process is not touched.

import { isMainThread } from 'node:worker_threads';
import { checked, cPath, libc } from './libc.ts';

const unshareCall = libc.func('int unshare(int flags)');
const chrootCall = libc.func('int chroot(const void *path)');
const chdirCall = libc.func('int chdir(const void *path)');

const CLONE_FS = 0x200;

/**
 * Makes `root` the root directory of the calling worker thread, for good.
 *
 * Afterwards only *Sync calls of node:fs are confined: the others run on the pool's threads, which keep the root of
 * the process. Modules must be loaded before.
 */
export function confineThread(root: string): void {
  if (isMainThread) throw new Error('the main thread cannot be confined');
  checked(unshareCall(CLONE_FS), 'unshare');
  checked(chrootCall(cPath(root)), 'chroot', root);
  checked(chdirCall(cPath('/')), 'chdir');
}

/** Gives the calling worker thread a working directory of its own. */
export function enterDirectory(directory: string): void {
  if (isMainThread) throw new Error('the main thread cannot have its own working directory');
  checked(unshareCall(CLONE_FS), 'unshare');
  checked(chdirCall(cPath(directory)), 'chdir', directory);
}

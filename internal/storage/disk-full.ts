// The error of a full file system, for the person who has to free space.

import { statfs } from 'node:fs/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import { isDiskFull } from '../errors/errno.ts';

/** `cause` itself, unless it is the want of space: then an error that names what did not fit, where, and what is free. */
export async function diskFull(cause: unknown, path: string, what: string): Promise<unknown> {
  for (let at: unknown = cause; at instanceof Error; at = at.cause) {
    if (isDiskFull(at))
      return new DaemonError('resource-exhausted', `${what} does not fit: ${await spaceOf(path)}`, at);
  }
  return cause;
}

/** Free bytes and inodes of the file system that holds `path`, in words. */
export async function spaceOf(path: string): Promise<string> {
  const { bavail, bsize, ffree, files } = await statfs(path);
  const inodes = files > 0 && ffree < 1000 ? ` and ${ffree} inodes` : '';
  return `the file system of "${path}" has ${bavail * bsize} bytes${inodes} free; free space there`;
}

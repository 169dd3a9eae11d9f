// The error of a full file system, for the person who has to free space.

import { statfs } from 'node:fs/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import { isDiskFull } from '../errors/errno.ts';

/** A file system on which a record may not fit any more. */
const scarceBytes = 64 * 1024;
const scarceInodes = 16;

/**
 * `cause` itself, unless it is the want of space: then an error that names what did not fit, where, and what is free. The error of
 * a write does not say of which file; it was on the first of `paths` that is full.
 */
export async function diskFull(
  cause: unknown,
  paths: string | readonly [string, ...string[]],
  what: string,
): Promise<unknown> {
  for (let at: unknown = cause; at instanceof Error; at = at.cause) {
    if (at instanceof DaemonError && at.kind === 'resource-exhausted') return cause; // it says so already
    if (!isDiskFull(at)) continue;
    const places = typeof paths === 'string' ? ([paths] as const) : paths;
    const full = await Promise.all(places.map(isScarce));
    const place = places[full.indexOf(true)] ?? places[0];
    return new DaemonError('resource-exhausted', `${what} does not fit: ${await spaceOf(place)}`, at);
  }
  return cause;
}

/** Free bytes and inodes of the file system that holds `path`, in words. */
export async function spaceOf(path: string): Promise<string> {
  const { bavail, bsize, ffree, files } = await statfs(path);
  const inodes = files > 0 && ffree < 1000 ? ` and ${ffree} inodes` : '';
  return `the file system of "${path}" has ${bavail * bsize} bytes${inodes} free; free space there`;
}

async function isScarce(path: string): Promise<boolean> {
  const { bavail, bsize, ffree, files } = await statfs(path);
  return bavail * bsize < scarceBytes || (files > 0 && ffree < scarceInodes);
}

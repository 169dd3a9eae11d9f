// Where the kernel's file systems are mounted in an image's root file system.

import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';

const places = ['/dev', '/proc', '/sys'] as const;

/**
 * `failed-precondition` for an image that has a link at one of these places. Before they leave the host's mounts, runc 1.1 and crun 1.8
 * make /dev/ptmx and others anew by a path through `rootfs`: behind a link that is any directory of the host. No process is in the
 * root file system yet.
 */
export async function requireOwnKernelPlaces(rootfs: string): Promise<void> {
  for (const place of places) {
    if ((await statsAt(join(rootfs, place)))?.isSymbolicLink() !== true) continue;
    throw new DaemonError('failed-precondition', `${place} of the image is a symbolic link`);
  }
}

async function statsAt(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (cause) {
    if (isENOENT(cause)) return undefined;
    throw cause;
  }
}

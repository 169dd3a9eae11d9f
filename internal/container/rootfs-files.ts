// Reading files of a container's root file system: untrusted bytes behind untrusted names (CVE-2024-5154, CVE-2025-4437).

import { closeSync, constants, fstatSync, readSync } from 'node:fs';
import { errnoCode } from '../errors/errno.ts';
import { openInRoot } from '../sys/resolve-in-root.ts';

/**
 * The text of a regular file inside `rootfs`, at most `maxBytes`; links cannot leave the root. Empty when there is no such
 * file, or when it is something else than a regular file.
 */
export function readRootfsText(rootfs: string, path: string, maxBytes: number): string {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  let fd: number;
  try {
    fd = openInRoot(rootfs, path, flags);
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(errnoCode(cause) ?? '')) return '';
    throw cause;
  }
  try {
    if (!fstatSync(fd).isFile()) return '';
    const buffer = Buffer.alloc(maxBytes);
    let length = 0;
    for (;;) {
      const got = readSync(fd, buffer, length, maxBytes - length, null);
      length += got;
      if (got === 0 || length === maxBytes) return buffer.toString('utf8', 0, length);
    }
  } finally {
    closeSync(fd);
  }
}

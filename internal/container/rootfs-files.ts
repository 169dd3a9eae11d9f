// Reading files of a container's root file system: untrusted bytes behind untrusted names (CVE-2024-5154, CVE-2025-4437).

import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';
import { openHandleInRoot } from '../sys/resolve-in-root.ts';

/**
 * The text of a regular file inside `rootfs`, at most `maxBytes`; links cannot leave the root. Empty when there is no such
 * file, or when it is something else than a regular file. `failed-precondition` for a pipe: the OCI runtime reads the account files
 * too, and would wait for somebody to write to it.
 */
export async function readRootfsText(rootfs: string, path: string, maxBytes: number): Promise<string> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  let file: FileHandle;
  try {
    file = await openHandleInRoot(rootfs, path, flags);
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(errnoCode(cause) ?? '')) return '';
    throw cause;
  }
  try {
    const found = await file.stat();
    if (found.isFIFO()) throw new DaemonError('failed-precondition', `${path} of the image is a pipe`);
    if (!found.isFile()) return '';
    const buffer = Buffer.alloc(maxBytes);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, maxBytes - length);
      length += bytesRead;
      if (bytesRead === 0 || length === maxBytes) return buffer.toString('utf8', 0, length);
    }
  } finally {
    await file.close();
  }
}

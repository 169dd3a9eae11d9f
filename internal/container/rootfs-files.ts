// Reading files of a container's root file system: untrusted bytes behind untrusted names (CVE-2024-5154, CVE-2025-4437).

import { constants, type Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';
import { openHandleInRoot } from '../sys/resolve-in-root.ts';

/**
 * The text of a regular file inside `rootfs`, at most `maxBytes`; links cannot leave the root. Empty when there is no such
 * file, or when it is something else than a regular file. `failed-precondition` for a pipe and a device: the OCI runtime reads the
 * account files too, would wait for somebody to write to the one, and cannot open the other.
 */
export async function readRootfsText(rootfs: string, path: string, maxBytes: number): Promise<string> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  let file: FileHandle;
  try {
    file = await openHandleInRoot(rootfs, path, flags);
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(errnoCode(cause) ?? '')) return '';
    if (errnoCode(cause) === 'EACCES') await refuseDevice(rootfs, path);
    throw cause;
  }
  try {
    const found = await file.stat();
    if (found.isFIFO()) throw new DaemonError('failed-precondition', `${path} of the image is a pipe`);
    if (isDevice(found)) throw deviceError(path);
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

const O_PATH = 0o10000000;

/** Root file systems are mounted so that devices of an image cannot be opened (`nodev`). */
async function refuseDevice(rootfs: string, path: string): Promise<void> {
  const place = await openHandleInRoot(rootfs, path, O_PATH);
  const found = await place.stat().finally(() => place.close());
  if (isDevice(found)) throw deviceError(path);
}

function isDevice(found: Stats): boolean {
  return found.isCharacterDevice() || found.isBlockDevice();
}

function deviceError(path: string): DaemonError {
  return new DaemonError('failed-precondition', `${path} of the image is a device`);
}

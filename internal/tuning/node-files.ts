// Reading and writing single values of /proc and /sys.

import { readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode, isENOENT } from '../errors/errno.ts';

/** The value in a file without its line end; undefined where there is no such file. */
export async function readValue(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    if (isENOENT(cause)) return undefined;
    throw failed('read', path, cause);
  }
}

/** The path of a file without links; undefined where there is no such file. One that exists may refuse to be read: that of an offline CPU. */
export async function existingFile(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (cause) {
    if (isENOENT(cause)) return undefined;
    throw failed('found', path, cause);
  }
}

export async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/** Writes a value in one call, as the kernel wants it. */
export async function writeValue(path: string, value: string): Promise<void> {
  try {
    await writeFile(path, value);
  } catch (cause) {
    throw failed(`set to "${value.trim()}"`, path, cause);
  }
}

function failed(what: string, path: string, cause: unknown): DaemonError {
  return new DaemonError('failed-precondition', `${path} cannot be ${what} (${errnoCode(cause)})`, cause);
}

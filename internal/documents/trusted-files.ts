// Files of administrators and vendors that make programs run as root: only who is root may have written them.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isENOENT } from '../errors/errno.ts';
import { FileError } from './fields.ts';

/** Paths of the files with such names, in their order; none of a directory that is not there. */
export async function listFiles(directory: string, name: RegExp): Promise<string[]> {
  try {
    const names = await readdir(directory);
    return names
      .filter((candidate) => name.test(candidate))
      .sort()
      .map((found) => join(directory, found));
  } catch (cause) {
    if (isENOENT(cause)) return [];
    throw cause;
  }
}

/** The text of a file that belongs to root, or to whom the daemon runs as, and that nobody else may write. */
export async function readTrusted(path: string, maxBytes: number): Promise<string> {
  const { size, uid, mode } = await stat(path);
  if (size > maxBytes) throw new FileError(`it is larger than ${maxBytes} bytes`);
  if ((uid !== 0 && uid !== process.geteuid?.()) || (mode & 0o022) !== 0)
    throw new FileError('somebody else than root may write it');
  return readFile(path, 'utf8');
}

import { readFile } from 'node:fs/promises';
import { isENOENT } from '../errors/errno.ts';

/** The text of a file; undefined when there is none. Every other failure is thrown: the file may be there and whole. */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (isENOENT(cause)) return undefined;
    throw cause;
  }
}

// Finding and reading configuration files.

import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isENOENT } from '../errors/errno.ts';
import { ConfigError } from './config-error.ts';

/**
 * Every file below `directory`, whatever its name, in lexical order per directory; none when it is absent. A link to a
 * file counts as a file, a link to a directory is passed over, so that no loop of links can hold up the start.
 */
export async function dropInFiles(directory: string): Promise<string[]> {
  let entries: Dirent[];
  try {
    entries = await readdir(directory, { withFileTypes: true });
  } catch (cause) {
    if (isENOENT(cause)) return [];
    throw unreadable(directory, cause);
  }
  const files: string[] = [];
  for (const entry of entries.sort(byName)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) files.push(...(await dropInFiles(path)));
    else if (entry.isFile() || (entry.isSymbolicLink() && (await leadsToFile(path)))) files.push(path);
  }
  return files;
}

async function leadsToFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** The text of a file; undefined when it is absent and `mustExist` is false. Throws ConfigError when unreadable. */
export async function readConfigFile(path: string, mustExist: boolean): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (isENOENT(cause) && !mustExist) return undefined;
    throw unreadable(path, cause);
  }
}

// By bytes, not by a person's alphabet: `10-x` comes before `9-x` and `Z` before `a` on every node.
function byName(left: Dirent, right: Dirent): number {
  return Buffer.compare(Buffer.from(left.name), Buffer.from(right.name));
}

function unreadable(path: string, cause: unknown): ConfigError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ConfigError([{ source: path, key: '', reason: `cannot be read: ${reason}` }]);
}

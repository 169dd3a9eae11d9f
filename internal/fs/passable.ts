// Directories that another user has to go through, without seeing what is in them.

import { chmod, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Search permission for all, nothing else. */
const pass = 0o011;

/** Lets every user go through a directory; what they may see and do in it stays as it is. Idempotent. */
export async function makePassable(directory: string): Promise<void> {
  const { mode } = await stat(directory);
  if ((mode & pass) !== pass) await chmod(directory, (mode & 0o7777) | pass);
}

/** The topmost directory above `path` that another user cannot go through; undefined when there is none. */
export async function closedParent(path: string): Promise<string | undefined> {
  const parent = dirname(path);
  if (parent === path) return undefined;
  const above = await closedParent(parent);
  if (above !== undefined) return above;
  return ((await stat(parent)).mode & 0o001) === 0 ? parent : undefined;
}

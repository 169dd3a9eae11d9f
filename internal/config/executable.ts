// Looking at programs on the node.

import { access, constants, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';

/** Why a file cannot be run; undefined when it can. */
export async function whyNotExecutable(path: string): Promise<string | undefined> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) return `program ${path} does not exist`;
  if (!info.isFile()) return `${path} is not a file`;
  const executable = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  return executable ? undefined : `program ${path} is not executable`;
}

export async function isReadable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}

/** The first program of this name in the directories of `searchPath` (a PATH); relative ones are passed over. */
export async function findProgram(name: string, searchPath: string): Promise<string | undefined> {
  if (name.includes('/')) return undefined;
  for (const directory of searchPath.split(':').filter((entry) => isAbsolute(entry))) {
    const path = join(directory, name);
    if ((await whyNotExecutable(path)) === undefined) return path;
  }
  return undefined;
}

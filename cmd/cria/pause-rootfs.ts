// The root file system of infra containers: our static pause program and the mount points that runtimes want.

import { copyFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDirectory } from '../../internal/fs/directories.ts';

/** Makes or renews the directory and returns its path. Running pause processes keep the program they were started with. */
export async function preparePauseRootfs(directory: string, pausePath: string): Promise<string> {
  for (const name of ['', 'proc', 'dev', 'sys']) await ensureDirectory(join(directory, name), 0o755);
  const temporary = join(directory, '.pause.new');
  await copyFile(pausePath, temporary); // copies the mode too
  await rename(temporary, join(directory, 'pause'));
  return directory;
}

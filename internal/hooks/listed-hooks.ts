// HookDirectories as the option `hooks_dir` lists them. They are read for each container, so a new file counts at once;
// most nodes have a few or none.

import { basename } from 'node:path';
import { listFiles, readTrusted } from '../documents/trusted-files.ts';
import { describeError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import { parseHookFile } from './hook-file.ts';
import type { HookDefinition, HookDirectories } from './hooks.ts';

const maxFileBytes = 1024 * 1024;

export class ListedHooks implements HookDirectories {
  readonly #directories: readonly string[];
  readonly #logger: Logger;

  constructor(directories: readonly string[], logger: Logger) {
    this.#directories = directories;
    this.#logger = logger;
  }

  /** Of files with one name that of the last directory counts. One that cannot be used is logged and left out. */
  async read(): Promise<readonly HookDefinition[]> {
    const paths = new Map<string, string>();
    for (const directory of this.#directories)
      for (const path of await listFiles(directory, /\.json$/)) paths.set(basename(path), path);
    const found: HookDefinition[] = [];
    for (const name of [...paths.keys()].sort()) {
      const path = paths.get(name) ?? '';
      try {
        found.push(parseHookFile(path, await readTrusted(path, maxFileBytes)));
      } catch (cause) {
        this.#logger.warn({ path, error: describeError(cause) }, 'a hook file is left out');
      }
    }
    return found;
  }
}

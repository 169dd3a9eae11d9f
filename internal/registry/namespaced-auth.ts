// Credentials that a kubelet plugin (crio-credential-provider) leaves for one pull of one image in one namespace:
// `<dir>/<namespace>-<sha256 of the image's name without tag>.json`, usually for mirrors. They serve once.

import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isENOENT } from '../errors/errno.ts';
import type { Logger } from '../log/logger.ts';
import { readAuthFile } from './auth-files.ts';
import type { Repository } from './registry.ts';

const namespacePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** A file that is in use is there for as long as it takes to read it. */
const inUseMs = 60_000;

export class NamespacedAuth {
  readonly #directory: string;
  readonly #logger: Logger;

  constructor(directory: string, logger: Logger) {
    this.#directory = directory;
    this.#logger = logger;
  }

  /** The document for this pull, if there is one; its file is gone afterwards, readable or not. */
  async take(namespace: string, { host, path }: Repository): Promise<unknown> {
    if (!namespacePattern.test(namespace)) return undefined;
    const name = createHash('sha256').update(`${host}/${path}`).digest('hex');
    const from = join(this.#directory, `${namespace}-${name}.json`);
    if ((await stat(from).catch(ignoreAbsence)) === undefined) return undefined;
    // It is moved away first: the plugin may already write the next one.
    const folder = join(this.#directory, 'in-use');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const taken = join(folder, `${namespace}-${name}-${randomUUID()}.json`);
    const isTaken = await rename(from, taken).then(() => true, ignoreAbsence);
    if (isTaken === undefined) return undefined;
    try {
      const document = await readAuthFile({ path: taken, isLegacy: false });
      this.#logger.info({ namespace, image: `${host}/${path}` }, 'using the auth file of the namespace');
      return document;
    } finally {
      await rm(taken, { force: true });
    }
  }

  /** Removes what a daemon that was killed has left in use. */
  async removeLeftovers(): Promise<void> {
    const folder = join(this.#directory, 'in-use');
    const names = (await readdir(folder).catch(ignoreAbsence)) ?? [];
    for (const name of names) {
      const found = await stat(join(folder, name)).catch(ignoreAbsence);
      if (found !== undefined && Date.now() - found.ctimeMs > inUseMs)
        await rm(join(folder, name), { force: true });
    }
  }
}

function ignoreAbsence(cause: unknown): undefined {
  if (isENOENT(cause)) return undefined;
  throw cause;
}

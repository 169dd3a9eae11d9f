// registries.conf with its drop-ins and podman's short-name aliases, as they are on disk now.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import type { Logger } from '../log/logger.ts';
import { parseRegistriesConf, type RegistriesDocument, type RegistryTable } from './registries-conf.ts';
import type { Repository, ShortNames, Version } from './registry.ts';
import { type Endpoint, endpointsOf } from './routes.ts';

export interface RegistriesPaths {
  /** The main file; drop-ins are read from `<path>.d/*.conf`. */
  readonly main: string;
  /** The names that podman was told by its users: they win over `[aliases]` elsewhere. */
  readonly aliasCache: string;
}

/** Where podman of root keeps them. */
export const defaultAliasCache = '/var/cache/containers/short-name-aliases.conf';

interface Settings {
  readonly searchRegistries: readonly string[];
  readonly registries: ReadonlyMap<string, RegistryTable>;
  readonly aliases: ReadonlyMap<string, string>;
  readonly credentialHelpers: readonly string[];
}

const none: Settings = {
  searchRegistries: [],
  registries: new Map(),
  aliases: new Map(),
  credentialHelpers: [],
};

/** The node's registry configuration. Before it is first read it is empty: every registry is its own endpoint. */
export class RegistriesFile implements ShortNames {
  readonly #paths: RegistriesPaths;
  readonly #logger: Logger;
  #settings = none;
  /** Of the files as they were when they were last read, understood or not. */
  #mark = '';

  constructor(paths: RegistriesPaths, logger: Logger) {
    this.#paths = paths;
    this.#logger = logger;
  }

  /**
   * Reads the files again. Missing files are no error; one that cannot be understood is (`failed-precondition`), and
   * then what was read before stays in force.
   */
  async reload(): Promise<void> {
    const paths = await this.#existing();
    this.#mark = await markOf(paths);
    const documents: RegistriesDocument[] = [];
    for (const path of paths) {
      const document = await this.#read(path);
      if (document !== undefined) documents.push(document);
    }
    this.#settings = documents.reduce(merge, none);
  }

  /** Reads the files again if they have changed. A change that cannot be understood is logged, once. */
  async follow(): Promise<void> {
    try {
      if ((await markOf(await this.#existing())) === this.#mark) return;
      await this.reload();
      this.#logger.info(
        { file: this.#paths.main },
        'the registry configuration has changed and was read again',
      );
    } catch (err) {
      this.#logger.error(
        { err },
        'the changed registry configuration cannot be used; the one before stays in force',
      );
    }
  }

  alias(name: string): string | undefined {
    return this.#settings.aliases.get(name);
  }

  searchRegistries(): readonly string[] {
    return this.#settings.searchRegistries;
  }

  credentialHelpers(): readonly string[] {
    return this.#settings.credentialHelpers;
  }

  /** The endpoints to try for a pull; `failed-precondition` when the registry is blocked. */
  async endpoints(repository: Repository, version: Version): Promise<readonly Endpoint[]> {
    await this.follow();
    return endpointsOf(repository, version, [...this.#settings.registries.values()]);
  }

  async #existing(): Promise<string[]> {
    const { main, aliasCache } = this.#paths;
    const folder = `${main}.d`;
    try {
      const names = await readdir(folder);
      const dropIns = names.filter((name) => name.endsWith('.conf')).sort();
      return [main, ...dropIns.map((name) => join(folder, name)), aliasCache];
    } catch (cause) {
      if (isENOENT(cause)) return [main, aliasCache];
      throw new DaemonError('failed-precondition', `${folder} cannot be read`, cause);
    }
  }

  async #read(path: string): Promise<RegistriesDocument | undefined> {
    try {
      const document = parseRegistriesConf(await readFile(path, 'utf8'), path);
      for (const warning of document.warnings) this.#logger.warn({ file: path }, warning);
      return document;
    } catch (cause) {
      if (isENOENT(cause)) return undefined;
      const why = cause instanceof Error ? cause.message : String(cause);
      if (path === this.#paths.aliasCache) {
        this.#logger.warn({ reason: why }, 'the short names that podman was told cannot be read');
        return undefined;
      }
      throw new DaemonError('failed-precondition', why, cause);
    }
  }
}

/** Changes when one of the files does, comes or goes. */
async function markOf(paths: readonly string[]): Promise<string> {
  const marks = paths.map(async (path) => {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    return `${path} ${found?.ino} ${found?.size} ${found?.mtimeNs} ${found?.ctimeNs}`;
  });
  return (await Promise.all(marks)).join('\n');
}

/** What a later file says takes the place of what an earlier one says: lists whole, tables by prefix or name. */
function merge(earlier: Settings, later: RegistriesDocument): Settings {
  const registries = new Map(earlier.registries);
  for (const table of later.registries) registries.set(table.prefix, table);
  const aliases = new Map(earlier.aliases);
  for (const [name, target] of later.aliases) {
    if (target === '') aliases.delete(name);
    else aliases.set(name, target);
  }
  return {
    searchRegistries: later.searchRegistries ?? earlier.searchRegistries,
    registries,
    aliases,
    credentialHelpers: later.credentialHelpers ?? earlier.credentialHelpers,
  };
}

// registries.conf with its drop-ins, as the daemon holds it between two reloads.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import type { Logger } from '../log/logger.ts';
import { parseRegistriesConf, type RegistryTable } from './registries-conf.ts';
import type { Repository, ShortNames, Version } from './registry.ts';
import { type Endpoint, endpointsOf } from './routes.ts';

interface Settings {
  readonly searchRegistries: readonly string[];
  readonly registries: ReadonlyMap<string, RegistryTable>;
  readonly aliases: ReadonlyMap<string, string>;
}

/** The node's registry configuration. Before the first `reload` it is empty: every registry is its own endpoint. */
export class RegistriesFile implements ShortNames {
  readonly #path: string;
  readonly #logger: Logger;
  #settings: Settings = { searchRegistries: [], registries: new Map(), aliases: new Map() };

  /** `path` is the main file; drop-ins are read from `<path>.d/*.conf`. */
  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  /**
   * Reads the files again. Missing files are no error; one that cannot be understood is (`failed-precondition`), and
   * then what was read before stays in force.
   */
  async reload(): Promise<void> {
    let searchRegistries: readonly string[] = [];
    const registries = new Map<string, RegistryTable>();
    const aliases = new Map<string, string>();
    for (const path of [this.#path, ...(await this.#dropIns())]) {
      const document = await this.#read(path);
      if (document === undefined) continue;
      searchRegistries = document.searchRegistries ?? searchRegistries;
      for (const table of document.registries) registries.set(table.prefix, table);
      for (const [name, target] of document.aliases) {
        if (target === '') aliases.delete(name);
        else aliases.set(name, target);
      }
    }
    this.#settings = { searchRegistries, registries, aliases };
  }

  alias(name: string): string | undefined {
    return this.#settings.aliases.get(name);
  }

  searchRegistries(): readonly string[] {
    return this.#settings.searchRegistries;
  }

  /** The endpoints to try for a pull; `failed-precondition` when the registry is blocked. */
  endpoints(repository: Repository, version: Version): readonly Endpoint[] {
    return endpointsOf(repository, version, [...this.#settings.registries.values()]);
  }

  async #dropIns(): Promise<string[]> {
    const folder = `${this.#path}.d`;
    try {
      const names = await readdir(folder);
      return names
        .filter((name) => name.endsWith('.conf'))
        .sort()
        .map((name) => join(folder, name));
    } catch (cause) {
      if (isENOENT(cause)) return [];
      throw new DaemonError('failed-precondition', `${folder} cannot be read`, cause);
    }
  }

  async #read(path: string): Promise<ReturnType<typeof parseRegistriesConf> | undefined> {
    try {
      const document = parseRegistriesConf(await readFile(path, 'utf8'), path);
      for (const warning of document.warnings) this.#logger.warn({ file: path }, warning);
      return document;
    } catch (cause) {
      if (isENOENT(cause)) return undefined;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new DaemonError('failed-precondition', why, cause);
    }
  }
}

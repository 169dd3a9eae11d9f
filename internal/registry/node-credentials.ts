// All credentials of the node, in CRI-O's order: those of the namespace, then the helpers and auth files that
// registries.conf's `credential-helpers` lists (just the auth files when it lists none).

import { entriesFor } from './auth-document.ts';
import { type AuthFile, readAuthFile } from './auth-files.ts';
import type { CredentialHelpers } from './credential-helper.ts';
import type { NamespacedAuth } from './namespaced-auth.ts';
import type {
  CredentialLookup,
  CredentialSource,
  FoundCredentials,
  Repository,
  WantedImage,
} from './registry.ts';

/** Stands for the auth files in a list of helpers. */
const authFilesHelper = 'containers-auth.json';

export interface NodeCredentialParts {
  readonly files: readonly AuthFile[];
  readonly namespaced: NamespacedAuth;
  readonly helpers: CredentialHelpers;
  /** `credential-helpers` of registries.conf. */
  readonly helperNames: () => readonly string[];
}

export class NodeCredentials implements CredentialSource {
  readonly #parts: NodeCredentialParts;

  constructor(parts: NodeCredentialParts) {
    this.#parts = parts;
  }

  async forPull({ namespace, repository }: WantedImage): Promise<CredentialLookup> {
    const own = await this.#parts.namespaced.take(namespace, repository);
    return {
      lookup: async (wanted, signal) =>
        (await this.#inDocument(own, `namespace "${namespace}"`, wanted, signal)) ??
        (await this.#ofNode(wanted, signal)),
    };
  }

  async #ofNode(repository: Repository, signal: AbortSignal): Promise<FoundCredentials | undefined> {
    const names = this.#parts.helperNames();
    for (const name of names.length === 0 ? [authFilesHelper] : names) {
      const found =
        name === authFilesHelper
          ? await this.#inFiles(repository, signal)
          : await this.#ofHelper(name, repository.host, signal);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #inFiles(repository: Repository, signal: AbortSignal): Promise<FoundCredentials | undefined> {
    for (const file of this.#parts.files) {
      const document = await readAuthFile(file);
      const found = await this.#inDocument(document, `auth file ${file.path}`, repository, signal);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #inDocument(
    document: unknown,
    source: string,
    repository: Repository,
    signal: AbortSignal,
  ): Promise<FoundCredentials | undefined> {
    for (const entry of entriesFor(document, repository)) {
      if ('credentials' in entry) return { credentials: entry.credentials, source };
      const found = await this.#ofHelper(entry.helper, entry.server, signal);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #ofHelper(name: string, server: string, signal: AbortSignal): Promise<FoundCredentials | undefined> {
    const credentials = await this.#parts.helpers.get(name, server, signal);
    return credentials && { credentials, source: `credential helper "${name}"` };
  }
}

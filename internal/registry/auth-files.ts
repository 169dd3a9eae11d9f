// Credentials of the node: files in docker's config.json format (containers-auth.json(5)). Read at each pull, so that
// a rotated secret is used at once.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import type { Logger } from '../log/logger.ts';
import type { CredentialSource, Credentials, Repository } from './registry.ts';

/** Where containers/image looks, in its order; a global auth file from the configuration replaces them all. */
export function authFilePaths(
  globalAuthFile: string,
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  if (globalAuthFile !== '') return [globalAuthFile];
  const runtimeDir = env['XDG_RUNTIME_DIR'];
  const home = env['HOME'];
  const run = runtimeDir ? join(runtimeDir, 'containers/auth.json') : '/run/containers/0/auth.json';
  const homeFiles = home
    ? [join(home, '.config/containers/auth.json'), join(home, '.docker/config.json')]
    : [];
  return [run, ...homeFiles];
}

/** Looks credentials up in the first of these files that has some for the repository. */
export class AuthFiles implements CredentialSource {
  readonly #paths: readonly string[];
  readonly #logger: Logger;

  constructor(paths: readonly string[], logger: Logger) {
    this.#paths = paths;
    this.#logger = logger;
  }

  async lookup(repository: Repository): Promise<Credentials | undefined> {
    for (const path of this.#paths) {
      const document = await this.#read(path);
      if (document === undefined) continue;
      const found = findCredentials(document, repository);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #read(path: string): Promise<unknown> {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (cause) {
      if (isENOENT(cause)) return undefined;
      throw new DaemonError('failed-precondition', `auth file ${path} cannot be read`, cause);
    }
    let document: unknown;
    try {
      document = JSON.parse(text);
    } catch {
      // The parser's message quotes the text, and that is where the passwords are: no cause here.
      throw new DaemonError('failed-precondition', `auth file ${path} is not valid JSON`);
    }
    if (
      isRecord(document) &&
      (document['credHelpers'] !== undefined || document['credsStore'] !== undefined)
    ) {
      this.#logger.warn({ file: path }, 'credential helpers are not supported and have no effect');
    }
    return document;
  }
}

/** The entry for the most specific of `host/a/b`, `host/a`, `host`. Pure. */
export function findCredentials(document: unknown, repository: Repository): Credentials | undefined {
  const auths = isRecord(document) ? document['auths'] : undefined;
  if (!isRecord(auths)) return undefined;
  for (const key of lookupKeys(repository)) {
    const entry = Object.hasOwn(auths, key) ? auths[key] : undefined;
    const found = isRecord(entry) ? parseEntry(entry) : undefined;
    if (found !== undefined) return found;
  }
  // Old docker clients wrote whole addresses (`https://host/v1/`); only their host counts.
  for (const [key, entry] of Object.entries(auths)) {
    if (isRecord(entry) && legacyHost(key) === authHost(repository.host)) return parseEntry(entry);
  }
  return undefined;
}

function lookupKeys(repository: Repository): string[] {
  const parts = [repository.host, ...repository.path.split('/')];
  return parts.map((_, dropped) => parts.slice(0, parts.length - dropped).join('/'));
}

function legacyHost(key: string): string | undefined {
  const found = /^(https?:\/\/)?([^/]+)(\/v[12]\/?|\/)?$/.exec(key);
  return found?.[2];
}

/** Docker keeps the Hub's credentials under the address of its old index. */
function authHost(host: string): string {
  return host === 'docker.io' ? 'index.docker.io' : host;
}

function parseEntry(entry: Readonly<Record<string, unknown>>): Credentials | undefined {
  const text = (key: string): string => {
    const value = entry[key];
    return typeof value === 'string' ? value : '';
  };
  const pair = Buffer.from(text('auth'), 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = pair.indexOf(':');
  const credentials = {
    username: colon >= 0 ? pair.slice(0, colon) : text('username'),
    password: colon >= 0 ? pair.slice(colon + 1) : text('password'),
    identityToken: text('identitytoken'),
    registryToken: text('registrytoken'),
  };
  return Object.values(credentials).some((value) => value !== '') ? credentials : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

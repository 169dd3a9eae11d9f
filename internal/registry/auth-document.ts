// Credentials in a document of docker's config.json format (containers-auth.json(5)). Pure.

import type { Credentials, Repository } from './registry.ts';

/** Credentials, or the helper that has them. */
export type AuthEntry =
  | { readonly credentials: Credentials }
  | { readonly helper: string; readonly server: string };

export type AuthRecord = Readonly<Record<string, unknown>>;

/**
 * What the document has for a repository, in the order in which it is to be tried: the helper of its host, the entry for
 * the most specific of `host/a/b`, `host/a`, `host`, and the helper for all hosts, which may know nothing of this one.
 */
export function entriesFor(document: unknown, repository: Repository): AuthEntry[] {
  if (!isRecord(document)) return [];
  const { credHelpers, credsStore, auths } = document;
  const { host } = repository;
  const entries: AuthEntry[] = [];
  const ownHelper = isRecord(credHelpers) && Object.hasOwn(credHelpers, host) ? credHelpers[host] : undefined;
  if (typeof ownHelper === 'string' && ownHelper !== '') entries.push({ helper: ownHelper, server: host });
  const credentials = isRecord(auths) ? findIn(auths, repository) : undefined;
  if (credentials !== undefined) entries.push({ credentials });
  if (typeof credsStore === 'string' && credsStore !== '')
    entries.push({ helper: credsStore, server: helperServer(host) });
  return entries;
}

/** How docker names a registry to its helpers. */
function helperServer(host: string): string {
  return host === 'docker.io' ? 'https://index.docker.io/v1/' : host;
}

function findIn(auths: AuthRecord, repository: Repository): Credentials | undefined {
  for (const key of lookupKeys(repository)) {
    const entry = Object.hasOwn(auths, key) ? auths[key] : undefined;
    const found = isRecord(entry) ? parseEntry(entry) : undefined;
    if (found !== undefined) return found;
  }
  // Old docker clients wrote whole addresses (`https://host/v1/`); only their host counts.
  for (const [key, entry] of Object.entries(auths)) {
    const found = legacyHost(key) === authHost(repository.host) && isRecord(entry) && parseEntry(entry);
    if (found) return found;
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

function parseEntry(entry: AuthRecord): Credentials | undefined {
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

export function isRecord(value: unknown): value is AuthRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// registries.conf, version 2 (containers-registries.conf(5)): one TOML document to checked tables. Pure.
//
// A key that is known but not supported, or not known at all, is reported; a key whose meaning would be lost by
// reading on (version 1 tables, a wrong type, a contradiction) makes the file an error.

import { parseToml, type TomlTable } from '../config/parse-toml.ts';

export type MirrorUse = 'all' | 'digest-only' | 'tag-only';

export interface MirrorTable {
  readonly location: string;
  readonly insecure: boolean;
  readonly use: MirrorUse;
}

export interface RegistryTable {
  readonly prefix: string;
  /** Empty for a wildcard prefix that is not rewritten. */
  readonly location: string;
  readonly insecure: boolean;
  readonly blocked: boolean;
  readonly mirrors: readonly MirrorTable[];
}

export interface RegistriesDocument {
  /** Undefined when the document does not say: an earlier file's list then stays. */
  readonly searchRegistries: readonly string[] | undefined;
  readonly registries: readonly RegistryTable[];
  /** An empty value takes an earlier file's alias away. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Programs that keep credentials, by name; undefined when the document does not say. */
  readonly credentialHelpers: readonly string[] | undefined;
  readonly warnings: readonly string[];
}

const documentKeys = new Set([
  'unqualified-search-registries',
  'registry',
  'aliases',
  'credential-helpers',
  'short-name-mode', // crio.conf's short_name_mode always wins over it
]);
const registryKeys = new Set([
  'prefix',
  'location',
  'insecure',
  'blocked',
  'mirror',
  'mirror-by-digest-only',
]);
const mirrorKeys = new Set(['location', 'insecure', 'pull-from-mirror']);

/** Reads the text of `file`; throws an Error whose message names the file, the key and what is wrong with it. */
export function parseRegistriesConf(text: string, file: string): RegistriesDocument {
  const document = parseToml(text, file);
  try {
    return readDocument(document);
  } catch (cause) {
    throw new Error(`${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function readDocument(document: TomlTable): RegistriesDocument {
  if (document['registries'] !== undefined) {
    throw new Error('table "registries" is of version 1 of the format: write [[registry]] tables instead');
  }
  const warnings: string[] = [];
  checkShortNameMode(optional(document, 'short-name-mode', string) ?? '');
  warnUnknown(document, documentKeys, '', warnings);
  return {
    searchRegistries: optional(document, 'unqualified-search-registries', stringList)?.map(location),
    registries: (optional(document, 'registry', tableList) ?? []).map((table) =>
      parseRegistry(table, warnings),
    ),
    aliases: parseAliases(document),
    credentialHelpers: optional(document, 'credential-helpers', stringList),
    warnings,
  };
}

function parseRegistry(table: TomlTable, warnings: string[]): RegistryTable {
  warnUnknown(table, registryKeys, 'registry.', warnings);
  const target = location(optional(table, 'location', string) ?? '');
  const prefix = location(optional(table, 'prefix', string) ?? '') || target;
  if (prefix === '') throw new Error('a [[registry]] has neither "prefix" nor "location"');
  const isWildcard = prefix.startsWith('*.');
  if (prefix.slice(isWildcard ? 2 : 0).includes('*')) {
    throw new Error(
      `prefix "${prefix}": a wildcard is only allowed as the first label of a host ("*.example.com")`,
    );
  }
  if (isWildcard && prefix.includes('/'))
    throw new Error(`prefix "${prefix}": a wildcard cannot have a path`);
  if (target === '' && !isWildcard) throw new Error(`registry "${prefix}" has no "location"`);
  const digestOnly = optional(table, 'mirror-by-digest-only', boolean) ?? false;
  const mirrors = optional(table, 'mirror', tableList) ?? [];
  return {
    prefix,
    location: target,
    insecure: optional(table, 'insecure', boolean) ?? false,
    blocked: optional(table, 'blocked', boolean) ?? false,
    mirrors: mirrors.map((mirror) => parseMirror(mirror, digestOnly, warnings)),
  };
}

function parseMirror(table: TomlTable, digestOnly: boolean, warnings: string[]): MirrorTable {
  warnUnknown(table, mirrorKeys, 'registry.mirror.', warnings);
  const target = location(optional(table, 'location', string) ?? '');
  if (target === '') throw new Error('a [[registry.mirror]] has no "location"');
  const use = optional(table, 'pull-from-mirror', string) ?? '';
  if (use !== '' && digestOnly) {
    throw new Error(
      `mirror "${target}": "pull-from-mirror" cannot be set together with "mirror-by-digest-only"`,
    );
  }
  return {
    location: target,
    insecure: optional(table, 'insecure', boolean) ?? false,
    use: digestOnly ? 'digest-only' : mirrorUse(use),
  };
}

function mirrorUse(text: string): MirrorUse {
  if (text === '' || text === 'all') return 'all';
  if (text === 'digest-only' || text === 'tag-only') return text;
  throw new Error(`"pull-from-mirror" is "${text}", expected "all", "digest-only" or "tag-only"`);
}

function checkShortNameMode(mode: string): void {
  if (['', 'enforcing', 'permissive', 'disabled'].includes(mode)) return;
  throw new Error(`"short-name-mode" is "${mode}", expected "enforcing", "permissive" or "disabled"`);
}

/** `[aliases]`, which is also the whole content of the file in which podman keeps its answers. */
function parseAliases(document: TomlTable): ReadonlyMap<string, string> {
  const table = optional(document, 'aliases', tableOf) ?? {};
  return new Map(Object.entries(table).map(([name, value]) => [name, aliasTarget(value, name)]));
}

function aliasTarget(value: unknown, name: string): string {
  const target = string(value, `aliases."${name}"`);
  const [host = '', ...path] = target.split('/');
  const isFull = path.length > 0 && (/[.:]/.test(host) || host === 'localhost');
  const hasVersion = target.includes('@') || (path.at(-1)?.includes(':') ?? false);
  if (target === '' || (isFull && !hasVersion)) return target;
  throw new Error(
    `alias "${name}" is "${target}", expected a repository with its registry and without a tag`,
  );
}

/** A host with an optional path; a scheme is the usual mistake here. */
function location(text: string): string {
  if (text.includes('://')) throw new Error(`"${text}": a location is written without a scheme`);
  return text.replace(/\/+$/, '');
}

function optional<T>(table: TomlTable, key: string, read: (value: unknown, key: string) => T): T | undefined {
  const value = table[key];
  return value === undefined ? undefined : read(value, key);
}

function string(value: unknown, key: string): string {
  if (typeof value !== 'string') throw new Error(`"${key}" is not a string`);
  return value;
}

function boolean(value: unknown, key: string): boolean {
  if (typeof value !== 'boolean') throw new Error(`"${key}" is not true or false`);
  return value;
}

function stringList(value: unknown, key: string): string[] {
  if (!Array.isArray(value)) throw new Error(`"${key}" is not a list of strings`);
  return value.map((item) => string(item, key));
}

function tableOf(value: unknown, key: string): TomlTable {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`"${key}" is not a table`);
  return value as TomlTable;
}

function tableList(value: unknown, key: string): TomlTable[] {
  if (!Array.isArray(value)) throw new Error(`"${key}" is not a list of tables ([[${key}]])`);
  return value.map((item) => tableOf(item, key));
}

function warnUnknown(table: TomlTable, known: ReadonlySet<string>, where: string, warnings: string[]): void {
  for (const key of Object.keys(table)) {
    if (!known.has(key)) warnings.push(`key "${where}${key}" is not supported and has no effect`);
  }
}

// registries.d (containers-registries.d(5)): where the signatures of a repository are.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listDirectory } from '../fs/directories.ts';
import type { Reference } from '../registry/reference.ts';
import { referenceScopes } from './policy-scopes.ts';
import { parseYamlMap, type YamlMap } from './registries-d-yaml.ts';

export interface SignaturePlace {
  /** A `file:`, `http:` or `https:` URL below which signatures lie. */
  readonly lookaside: string;
  readonly useSigstoreAttachments: boolean;
}

interface Entry {
  readonly lookaside: string | undefined;
  readonly useSigstoreAttachments: boolean | undefined;
}

/** Where containers/image looks when nothing is configured. */
const defaultLookaside = 'file:///var/lib/containers/sigstore';
const staging = ['lookaside-staging', 'sigstore-staging'];

/** The signature places of a node, read from its files at each question: there are few, and each pull asks once. */
export async function signaturePlace(directory: string, reference: Reference): Promise<SignaturePlace> {
  const { byDefault, byScope } = await readEntries(directory);
  const scoped = referenceScopes(reference).flatMap((scope) => byScope.get(scope) ?? []);
  // The first entry that says something of the matter counts, as in containers/image.
  const entries = byDefault === undefined ? scoped : [...scoped, byDefault];
  return {
    lookaside: entries.find((entry) => entry.lookaside !== undefined)?.lookaside ?? defaultLookaside,
    useSigstoreAttachments:
      entries.find((entry) => entry.useSigstoreAttachments !== undefined)?.useSigstoreAttachments ?? false,
  };
}

async function readEntries(
  directory: string,
): Promise<{ byDefault: Entry | undefined; byScope: ReadonlyMap<string, Entry> }> {
  let byDefault: Entry | undefined;
  const byScope = new Map<string, Entry>();
  const names = (await listDirectory(directory)).filter((name) => name.endsWith('.yaml')).sort();
  for (const name of names) {
    const path = join(directory, name);
    try {
      const { 'default-docker': common, docker, ...unknown } = parseYamlMap(await readFile(path, 'utf8'));
      const [extra] = Object.keys(unknown);
      if (extra !== undefined) throw new Error(`unknown key "${extra}"`);
      if (common !== undefined) {
        if (byDefault !== undefined) throw new Error('"default-docker" is in another file too');
        byDefault = entryOf(common, 'default-docker');
      }
      for (const [scope, value] of Object.entries(mapOf(docker ?? {}, 'docker'))) {
        if (byScope.has(scope)) throw new Error(`"${scope}" is in another file too`);
        byScope.set(scope, entryOf(value, scope));
      }
    } catch (cause) {
      throw new Error(`${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
  return { byDefault, byScope };
}

function entryOf(value: string | YamlMap, where: string): Entry {
  const entry = mapOf(value, where);
  const known = ['lookaside', 'sigstore', 'use-sigstore-attachments', ...staging];
  const extra = Object.keys(entry).find((key) => !known.includes(key));
  if (extra !== undefined) throw new Error(`unknown key "${extra}" in "${where}"`);
  const { lookaside, sigstore, 'use-sigstore-attachments': attachments } = entry;
  for (const text of [lookaside, sigstore, attachments]) {
    if (typeof text === 'object') throw new Error(`a value of "${where}" is a map`);
  }
  if (attachments !== undefined && attachments !== 'true' && attachments !== 'false') {
    throw new Error(`"use-sigstore-attachments" of "${where}" is neither true nor false`);
  }
  return {
    lookaside: (lookaside ?? sigstore) as string | undefined,
    useSigstoreAttachments: attachments === undefined ? undefined : attachments === 'true',
  };
}

function mapOf(value: string | YamlMap, where: string): YamlMap {
  if (typeof value === 'string') throw new Error(`"${where}" is not a map`);
  return value;
}

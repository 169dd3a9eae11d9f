// registries.d (containers-registries.d(5)): where the signatures of a repository are.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fields } from '../documents/fields.ts';
import { parseYaml } from '../documents/yaml.ts';
import { listDirectory } from '../fs/directories.ts';
import type { Reference } from '../registry/reference.ts';
import { referenceScopes } from './policy-scopes.ts';

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
      const root = new Fields(parseYaml(await readFile(path, 'utf8')) ?? {}, '');
      root.allowOnly(['default-docker', 'docker']);
      if (root.has('default-docker')) {
        if (byDefault !== undefined) throw new Error('"default-docker" is in another file too');
        byDefault = entryOf(root.object('default-docker'));
      }
      const docker = root.object('docker');
      for (const scope of docker.names()) {
        if (byScope.has(scope)) throw new Error(`"${scope}" is in another file too`);
        byScope.set(scope, entryOf(docker.object(scope)));
      }
    } catch (cause) {
      throw new Error(`${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
  return { byDefault, byScope };
}

function entryOf(entry: Fields): Entry {
  entry.allowOnly(['lookaside', 'sigstore', 'use-sigstore-attachments', ...staging]);
  const place = entry.text('lookaside') || entry.text('sigstore');
  return {
    lookaside: place === '' ? undefined : place,
    useSigstoreAttachments: entry.flag('use-sigstore-attachments'),
  };
}

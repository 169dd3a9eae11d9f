// `signedIdentity`: whether a signature for one name is good for the image that was asked for. Pure; the rules are those
// of containers-policy.json(5).

import type { Reference } from '../registry/reference.ts';
import {
  completeReference,
  formatReference,
  formatRepository,
  parseReference,
} from '../registry/reference.ts';
import { exactObjectOf, objectOf, stringOf } from './strict-json.ts';

export type IdentityMatch =
  | { readonly type: 'matchExact' | 'matchRepoDigestOrExact' | 'matchRepository' }
  | { readonly type: 'exactReference'; readonly dockerReference: string }
  | { readonly type: 'exactRepository'; readonly dockerRepository: string }
  | { readonly type: 'remapIdentity'; readonly prefix: string; readonly signedPrefix: string };

export const defaultIdentityMatch: IdentityMatch = { type: 'matchRepoDigestOrExact' };

/** A name that somebody signed: `version` is undefined where they signed the repository only, as cosign does. */
interface SignedName {
  readonly repository: string;
  readonly full: string | undefined;
}

/** Reads a `signedIdentity`; throws an Error that says where it is wrong. */
export function parseIdentityMatch(value: unknown, where: string): IdentityMatch {
  const type = objectOf(value, where, 'any')['type'];
  switch (type) {
    case 'matchExact':
    case 'matchRepoDigestOrExact':
    case 'matchRepository':
      exactObjectOf(value, where, ['type']);
      return { type };
    case 'exactReference': {
      const text = fieldOf(value, where, 'dockerReference');
      if (signedName(text)?.full === undefined)
        throw new Error(`${where}.dockerReference "${text}" is no full reference with a tag or digest`);
      return { type, dockerReference: text };
    }
    case 'exactRepository': {
      const text = fieldOf(value, where, 'dockerRepository');
      if (signedName(text) === undefined)
        throw new Error(`${where}.dockerRepository "${text}" is no repository`);
      return { type, dockerRepository: text };
    }
    case 'remapIdentity': {
      const object = exactObjectOf(value, where, ['type', 'prefix', 'signedPrefix']);
      const prefix = prefixOf(object['prefix'], `${where}.prefix`);
      return { type, prefix, signedPrefix: prefixOf(object['signedPrefix'], `${where}.signedPrefix`) };
    }
    default:
      throw new Error(`${where} has an unknown type ${JSON.stringify(type)}`);
  }
}

function fieldOf(value: unknown, where: string, key: string): string {
  return stringOf(exactObjectOf(value, where, ['type', key])[key], `${where}.${key}`);
}

function prefixOf(value: unknown, where: string): string {
  const text = stringOf(value, where);
  // A host alone is a prefix too; completed with a path it must follow the grammar.
  if (parseReference(`${text}/x`)?.host === undefined)
    throw new Error(`${where} "${text}" is no host or repository`);
  return text;
}

/** True when a signature over `signed` stands for `intended`. */
export function matchesIdentity(match: IdentityMatch, intended: Reference, signed: string): boolean {
  const name = signedName(signed);
  if (name === undefined) return false;
  const repository = formatRepository(intended.repository);
  switch (match.type) {
    case 'matchExact':
      return name.full === formatReference(intended);
    case 'matchRepoDigestOrExact':
      return matchesRepoDigestOrExact(intended, name);
    case 'matchRepository':
      return name.repository === repository;
    case 'exactReference':
      return name.full !== undefined && name.full === signedName(match.dockerReference)?.full;
    case 'exactRepository':
      return name.repository === signedName(match.dockerRepository)?.repository;
    case 'remapIdentity':
      return matchesRepoDigestOrExact(remapped(intended, match), name);
  }
}

/** By digest the repository is enough: the digest itself is compared with the signature's elsewhere. */
function matchesRepoDigestOrExact(intended: Reference, signed: SignedName): boolean {
  if (signed.full === undefined) return false;
  if ('digest' in intended.version) return signed.repository === formatRepository(intended.repository);
  return signed.full === formatReference(intended);
}

function remapped(
  intended: Reference,
  { prefix, signedPrefix }: { readonly prefix: string; readonly signedPrefix: string },
): Reference {
  const name = formatRepository(intended.repository);
  if (name !== prefix && !name.startsWith(`${prefix}/`)) return intended;
  const [host = '', ...path] = `${signedPrefix}${name.slice(prefix.length)}`.split('/');
  return { ...intended, repository: { host, path: path.join('/') } };
}

/** Docker's short forms count as docker.io's, as everywhere in the format. */
function signedName(text: string): SignedName | undefined {
  const written = parseReference(text);
  if (written === undefined) return undefined;
  const reference = completeReference(written, written.host ?? 'docker.io');
  const hasVersion = written.tag !== undefined || written.digest !== undefined;
  return {
    repository: formatRepository(reference.repository),
    full: hasVersion ? formatReference(reference) : undefined,
  };
}

// Image references by the grammar of the distribution project's reference package. Pure.

import { DaemonError } from '../errors/daemon-error.ts';
import { isDigest } from './digest.ts';
import type { Digest, Repository, Version } from './registry.ts';

/** A reference as it was written; without a host it is a short name. */
export interface WrittenReference {
  readonly host: string | undefined;
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

/** A reference that says which registry, which repository and which image in it. */
export interface Reference {
  readonly repository: Repository;
  /** A digest wins over a tag that is written before it. */
  readonly version: Version;
}

const hostLabel = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const hostPattern = new RegExp(`^(?:${hostLabel}(?:\\.${hostLabel})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?$`);
const pathComponent = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const pathPattern = new RegExp(`^${pathComponent}(?:/${pathComponent})*$`);
const tagPattern = /^\w[\w.-]{0,127}$/;
const maxNameLength = 255;

/** Splits and checks a reference; undefined when it does not follow the grammar. */
export function parseReference(text: string): WrittenReference | undefined {
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) return undefined;
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !tagPattern.test(tag)) return undefined;
  const name = colon < 0 ? named : named.slice(0, colon);
  // An id would be read as a name otherwise.
  if (name.length > maxNameLength || /^[0-9a-f]{64}$/.test(name)) return undefined;
  const { host, path } = splitHost(name);
  if (host !== undefined && !hostPattern.test(host)) return undefined;
  return pathPattern.test(path) ? { host, path, tag, digest } : undefined;
}

/** Like `parseReference`, with an `invalid-argument` error for what is no reference. */
export function requireReference(text: string): WrittenReference {
  const reference = parseReference(text);
  if (reference === undefined) {
    throw new DaemonError(
      'invalid-argument',
      `image reference ${JSON.stringify(text.slice(0, 512))} is not valid`,
    );
  }
  return reference;
}

function splitHost(name: string): { host: string | undefined; path: string } {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const isHost = /[.:A-Z]/.test(first) || first === 'localhost';
  return isHost ? { host: first, path: name.slice(slash + 1) } : { host: undefined, path: name };
}

/** Makes a full reference: `latest` when there is neither tag nor digest, docker.io's one-word names under `library/`. */
export function completeReference(written: WrittenReference, host: string): Reference {
  const isHub = host === 'docker.io' || host === 'index.docker.io';
  const path = isHub && !written.path.includes('/') ? `library/${written.path}` : written.path;
  const version =
    written.digest === undefined ? { tag: written.tag ?? 'latest' } : { digest: written.digest };
  return { repository: { host: isHub ? 'docker.io' : host, path }, version };
}

/** `host/path` */
export function formatRepository({ host, path }: Repository): string {
  return `${host}/${path}`;
}

/** `host/path:tag` or `host/path@sha256:…`: the form in which the store keeps names. */
export function formatReference({ repository, version }: Reference): string {
  const name = formatRepository(repository);
  return 'digest' in version ? `${name}@${version.digest}` : `${name}:${version.tag}`;
}

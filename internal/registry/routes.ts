// From a repository to the places that may serve it: prefixes, rewriting, mirrors, blocks. Pure.

import { DaemonError } from '../errors/daemon-error.ts';
import type { RegistryTable } from './registries-conf.ts';
import type { Repository, Version } from './registry.ts';

export interface Endpoint {
  readonly repository: Repository;
  readonly insecure: boolean;
  /** Credentials that came with the request are for the registry that it names, not for a mirror of it. */
  readonly isMirror: boolean;
}

/** The endpoints to try, in order: mirrors first, the registry itself last. */
export function endpointsOf(
  repository: Repository,
  version: Version,
  tables: readonly RegistryTable[],
): readonly Endpoint[] {
  const name = `${repository.host}/${repository.path}`;
  const full = 'digest' in version ? `${name}@${version.digest}` : `${name}:${version.tag}`;
  const table = bestMatch(full, tables);
  if (table === undefined) return [{ repository, insecure: false, isMirror: false }];
  if (table.blocked) {
    throw new DaemonError('failed-precondition', `registry "${table.prefix}" is blocked in registries.conf`);
  }
  const use = 'digest' in version ? 'digest-only' : 'tag-only';
  const mirrors = table.mirrors
    .filter((mirror) => mirror.use === 'all' || mirror.use === use)
    .map(({ location, insecure }) => ({ ...rewrite(repository, table, location), insecure, isMirror: true }));
  const { location, insecure } = table;
  return [...mirrors, { ...rewrite(repository, table, location), insecure, isMirror: false }];
}

function bestMatch(full: string, tables: readonly RegistryTable[]): RegistryTable | undefined {
  let best: RegistryTable | undefined;
  for (const table of tables) {
    const isLonger = best === undefined || table.prefix.length > best.prefix.length;
    if (isLonger && matches(full, table.prefix)) best = table;
  }
  return best;
}

function matches(full: string, prefix: string): boolean {
  const hostEnd = full.indexOf('/');
  if (prefix.startsWith('*.')) {
    const host = full.slice(0, hostEnd);
    const suffix = prefix.slice(1);
    // Without a port the wildcard stands for every port, as in containers/image.
    return host.endsWith(suffix) || host.replace(/:\d+$/, '').endsWith(suffix);
  }
  if (!full.startsWith(prefix)) return false;
  const next = full[prefix.length];
  // A host alone must not match the same host with a port: that is another registry.
  return next === undefined || next === '/' || (prefix.length > hostEnd && (next === ':' || next === '@'));
}

/** Puts `location` in the place of the prefix. */
function rewrite(repository: Repository, table: RegistryTable, location: string): { repository: Repository } {
  if (location === '') return { repository };
  const name = `${repository.host}/${repository.path}`;
  const replaced = table.prefix.startsWith('*.')
    ? repository.host.length
    : Math.min(table.prefix.length, name.length);
  const target = location + name.slice(replaced);
  const slash = target.indexOf('/');
  if (slash < 0) {
    const text = `registries.conf: location "${location}" leaves no repository for "${name}"`;
    throw new DaemonError('failed-precondition', text);
  }
  const path = target.slice(slash + 1).replace(/[:@].*$/, '');
  return { repository: { host: target.slice(0, slash), path } };
}

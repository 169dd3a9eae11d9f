// From what a user wrote to the full references that it may mean.

import { DaemonError } from '../errors/daemon-error.ts';
import {
  completeReference,
  parseReference,
  type Reference,
  type WrittenReference,
} from '../registry/reference.ts';
import type { ShortNames } from '../registry/registry.ts';

/** `enforcing`: a short name must mean one registry, as nobody is there to ask; `disabled`: each one is tried. */
export type ShortNameMode = 'enforcing' | 'disabled';

/** All full references that `written` may mean, in the order in which they are to be tried; possibly none. */
export function candidatesOf(written: WrittenReference, names: ShortNames): Reference[] {
  if (written.host !== undefined) return [completeReference(written, written.host)];
  const alias = names.alias(written.path);
  const target = alias === undefined ? undefined : parseReference(alias);
  if (target?.host !== undefined) {
    return [completeReference({ ...written, host: target.host, path: target.path }, target.host)];
  }
  return names.searchRegistries().map((registry) => {
    const [host = '', ...folders] = registry.split('/');
    return completeReference({ ...written, path: [...folders, written.path].join('/') }, host);
  });
}

/** The references to pull for `written`; `invalid-argument` when a short name means none or, if enforcing, several. */
export function pullCandidatesOf(
  written: WrittenReference,
  names: ShortNames,
  mode: ShortNameMode,
): Reference[] {
  const candidates = candidatesOf(written, names);
  if (candidates.length === 0) {
    const text = `short image name "${written.path}" has no registry: write it in full or set unqualified-search-registries in registries.conf`;
    throw new DaemonError('invalid-argument', text);
  }
  if (candidates.length > 1 && mode === 'enforcing') {
    const hosts = candidates.map(({ repository }) => repository.host).join(', ');
    const text = `short image name "${written.path}" is ambiguous (${hosts}): write it in full or add an alias to registries.conf`;
    throw new DaemonError('invalid-argument', text);
  }
  return candidates;
}

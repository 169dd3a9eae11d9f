// Mirrors before the registry itself: whose failure leads to the next place, and what is told when all have failed.

import { DaemonError, hasKind } from '../errors/daemon-error.ts';
import type { Endpoint } from './routes.ts';

/** Failures that the next place cannot mend: the node's own, and what the request itself is wrong in. */
const finalKinds = [
  'cancelled',
  'internal',
  'invalid-argument',
  'resource-exhausted',
  'unavailable',
] as const;

/** True when another place may do better. */
export function mayBeBetterElsewhere(failure: unknown): boolean {
  return failure instanceof DaemonError && !finalKinds.some((kind) => hasKind(failure, kind));
}

export interface FailedPlace {
  readonly endpoint: Endpoint;
  readonly failure: unknown;
}

/** The failure of the last place, with the words of those before it. Its beginning stays: the kubelet reads it. */
export function failureOf(places: readonly FailedPlace[]): unknown {
  const last = places.at(-1)?.failure;
  const earlier = places.slice(0, -1);
  if (!(last instanceof DaemonError) || earlier.length === 0) return last;
  const told = earlier.map(({ endpoint, failure }) => `mirror "${nameOf(endpoint)}": ${wordsOf(failure)}`);
  return new DaemonError(last.kind, `${last.message} (tried before: ${told.join('; ')})`, last);
}

/** Where the place is: two mirrors may be two folders of one host. */
export function nameOf({ repository: { host, path } }: Endpoint): string {
  return `${host}/${path}`;
}

/** A failure without the prefix that only the kubelet wants. */
export function wordsOf(failure: unknown): string {
  const text = failure instanceof Error ? failure.message : String(failure);
  return text.replace(/^RegistryUnavailable: /, '');
}

// Which requirements of a policy are for an image: the most specific scope of its transport. Pure.

import { formatReference, formatRepository, type Reference } from '../registry/reference.ts';
import type { ArchivePlace } from './policy.ts';
import type { PolicyDocument, Requirement } from './policy-document.ts';

/** An image as policies name it: by its registry reference, or by where it comes from. */
export type ImagePlace = { readonly transport: 'docker'; readonly reference: Reference } | ArchivePlace;

/** The requirements of the most specific scope, of the transport's own default, or of the policy's. */
export function requirementsFor(policy: PolicyDocument, place: ImagePlace): readonly Requirement[] {
  const scopes = policy.transports.get(place.transport);
  if (scopes === undefined) return policy.default;
  for (const scope of scopesOf(place)) {
    const found = scopes.get(scope);
    if (found !== undefined) return found;
  }
  return scopes.get('') ?? policy.default;
}

function scopesOf(place: ImagePlace): readonly string[] {
  if (place.transport === 'docker') return referenceScopes(place.reference);
  // A docker archive has no name that could be trusted: only its transport counts, as in containers/image.
  return place.transport === 'docker-archive' ? [] : parentsOf(place.path);
}

/** The reference itself, its repository and what is above it, the host, `*.` and the domains above the host. */
export function referenceScopes(reference: Reference): readonly string[] {
  const parents = parentsOf(formatRepository(reference.repository));
  const labels = (reference.repository.host.split(':')[0] ?? '').split('.');
  const domains = labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join('.')}`);
  return [formatReference(reference), ...parents, ...domains];
}

function parentsOf(path: string): string[] {
  const parents: string[] = [];
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) parents.push(at);
  return parents;
}

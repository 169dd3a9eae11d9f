// Which images the kubelet's garbage collection must leave alone (crio.image.pinned_images).

import { completeReference, formatReference, parseReference } from '../registry/reference.ts';

/** Tells for an image's names whether one of them is pinned. */
export type IsPinned = (names: readonly string[]) => boolean;

/** Patterns are exact names, `prefix*` or `*keyword*`, in any case; an exact name may leave out `:latest`. */
export function pinnedBy(patterns: readonly string[]): IsPinned {
  const tests = patterns.filter((pattern) => pattern !== '').map(testOf);
  return (names) => names.some((name) => tests.some((test) => test(name.toLowerCase())));
}

function testOf(pattern: string): (name: string) => boolean {
  const text = pattern.toLowerCase();
  if (text.length > 1 && text.startsWith('*') && text.endsWith('*')) {
    const keyword = text.slice(1, -1);
    return (name) => name.includes(keyword);
  }
  if (text.endsWith('*')) {
    const prefix = text.slice(0, -1);
    return (name) => name.startsWith(prefix);
  }
  const exact = fullName(pattern).toLowerCase();
  return (name) => name === text || name === exact;
}

function fullName(text: string): string {
  const written = parseReference(text);
  return written?.host === undefined ? text : formatReference(completeReference(written, written.host));
}

// Digests are checked before they reach a path, a URL or a record (CVE-2024-3727).

import { createHash } from 'node:crypto';
import type { Digest } from './registry.ts';

const pattern = /^sha256:[0-9a-f]{64}$/;

/** True for `sha256:` and 64 lower-case hex digits; other algorithms are not in use for images. */
export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && pattern.test(value);
}

/** The digest of these bytes. */
export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

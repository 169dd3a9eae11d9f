// What a signature says once it is known to be genuine: this manifest digest goes by this name. Pure.

import { isDigest } from '../registry/digest.ts';
import type { Digest } from '../registry/registry.ts';
import { exactObjectOf, parseStrictJson, stringOf } from './strict-json.ts';

export interface SignedClaim {
  readonly manifestDigest: Digest;
  readonly dockerReference: string;
}

export const claimTypes = {
  simpleSigning: 'atomic container signature',
  sigstore: 'cosign container image signature',
} as const;

/**
 * Reads the payload of a signature. Its critical part may say nothing that is not understood here: that is what
 * "critical" means.
 */
export function parseClaim(payload: Uint8Array, type: string): SignedClaim {
  const document = exactObjectOf(parseStrictJson(payload), 'the signed document', ['critical', 'optional']);
  const critical = exactObjectOf(document['critical'], 'critical', ['type', 'image', 'identity']);
  if (critical['type'] !== type)
    throw new Error(`critical.type is ${JSON.stringify(critical['type'])}, not "${type}"`);
  const image = exactObjectOf(critical['image'], 'critical.image', ['docker-manifest-digest']);
  const identity = exactObjectOf(critical['identity'], 'critical.identity', ['docker-reference']);
  const manifestDigest = image['docker-manifest-digest'];
  if (!isDigest(manifestDigest)) throw new Error('critical.image has no valid sha256 digest');
  return {
    manifestDigest,
    dockerReference: stringOf(identity['docker-reference'], 'critical.identity.docker-reference'),
  };
}

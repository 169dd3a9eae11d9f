// Signatures as bytes: the form in which containers/image keeps them in lookaside stores and in the image store.

import { objectOf, parseStrictJson, stringOf } from './strict-json.ts';

export type ImageSignature =
  | { readonly format: 'simple-signing'; readonly bytes: Uint8Array }
  | {
      readonly format: 'sigstore';
      readonly mimeType: string;
      readonly payload: Uint8Array;
      readonly annotations: Readonly<Record<string, string>>;
    };

/** The first two as in containers/image; all signatures of an image are held in memory at once. */
export const signatureLimits = {
  count: 128,
  bytes: 4 * 1024 * 1024,
  allBytes: 16 * 1024 * 1024,
} as const;

/** Begins the blob of every format but the oldest, whose blobs begin with an OpenPGP packet. */
const formatMark = 0;
const sigstoreHead = Buffer.from('\0sigstore-json\n');

/** The blob of a signature. */
export function signatureBlob(signature: ImageSignature): Uint8Array {
  if (signature.format === 'simple-signing') return signature.bytes;
  const { mimeType, payload, annotations } = signature;
  const document = { mimeType, payload: Buffer.from(payload).toString('base64'), annotations };
  return Buffer.concat([sigstoreHead, Buffer.from(JSON.stringify(document))]);
}

/** The signature in a blob; throws for a format that nobody here knows. */
export function parseSignatureBlob(blob: Uint8Array): ImageSignature {
  if (blob[0] !== formatMark) return { format: 'simple-signing', bytes: blob };
  const bytes = Buffer.from(blob);
  if (!bytes.subarray(0, sigstoreHead.length).equals(sigstoreHead)) {
    throw new Error('a signature has an unknown format');
  }
  const document = objectOf(parseStrictJson(bytes.subarray(sigstoreHead.length)), 'a signature', 'any');
  return {
    format: 'sigstore',
    mimeType: stringOf(document['mimeType'], 'the signature\'s "mimeType"'),
    payload: Buffer.from(stringOf(document['payload'], 'the signature\'s "payload"'), 'base64'),
    annotations: stringMapOf(document['annotations'] ?? {}),
  };
}

/** The entries of an object whose values are strings. */
export function stringMapOf(value: unknown): Readonly<Record<string, string>> {
  const pairs = Object.entries(objectOf(value, 'the annotations', 'any'));
  return Object.fromEntries(pairs.filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
}

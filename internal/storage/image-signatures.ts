// The signatures of an image as containers/image keeps them in its record: one file for each manifest, all signatures of
// it in a row, and their sizes in the metadata. Pure.

import type { ImageRecord } from './image-record.ts';
import type { Digest } from './store.ts';

/** The file of the manifest that the image was stored with has a second name, which older tools read. */
const mainKey = 'signatures';

interface SignatureSizes {
  readonly 'signature-sizes'?: unknown;
  readonly 'signatures-sizes'?: unknown;
}

function keyOf(manifestDigest: Digest): string {
  return `signature-${manifestDigest.slice('sha256:'.length)}`;
}

/** The files to write; none when there are no signatures. */
export function signatureDocuments(
  manifestDigest: Digest,
  signatures: readonly Uint8Array[],
): Map<string, Uint8Array> {
  if (signatures.length === 0) return new Map();
  const joined = Buffer.concat(signatures);
  return new Map([
    [keyOf(manifestDigest), joined],
    [mainKey, joined],
  ]);
}

/** The record with the sizes of these signatures; those of other manifests stay. */
export function withSignatureSizes(
  record: ImageRecord,
  manifestDigest: Digest,
  signatures: readonly Uint8Array[],
): ImageRecord {
  if (signatures.length === 0) return record;
  const metadata = metadataOf(record);
  const sizes = signatures.map(({ length }) => length);
  const others = isObject(metadata['signatures-sizes']) ? metadata['signatures-sizes'] : {};
  const fresh = { 'signature-sizes': sizes, 'signatures-sizes': { ...others, [manifestDigest]: sizes } };
  return { ...record, metadata: JSON.stringify({ ...metadata, ...fresh }) };
}

/** What must be read, and how it is cut, to have the signatures of each manifest. */
export function signatureFiles(
  record: ImageRecord,
): { readonly manifestDigest: Digest; readonly key: string; readonly sizes: readonly number[] }[] {
  const names = record['big-data-names'] ?? [];
  const sizes = metadataOf(record)['signatures-sizes'];
  return Object.entries(isObject(sizes) ? sizes : {}).flatMap(([digest, list]) => {
    const manifestDigest = digest as Digest;
    if (!/^sha256:[0-9a-f]{64}$/.test(digest) || !isSizeList(list)) return [];
    const key = keyOf(manifestDigest);
    return names.includes(key) ? [{ manifestDigest, key, sizes: list }] : [];
  });
}

/** Cuts a file into its signatures; undefined when the sizes do not fit. */
export function cutSignatures(joined: Uint8Array, sizes: readonly number[]): Uint8Array[] | undefined {
  if (sizes.reduce((sum, size) => sum + size, 0) !== joined.length) return undefined;
  let at = 0;
  return sizes.map((size) => {
    at += size;
    return joined.subarray(at - size, at);
  });
}

function metadataOf(record: ImageRecord): SignatureSizes & Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(record.metadata || '{}');
    return isObject(value) ? value : {};
  } catch {
    return {}; // another tool's text, which is not ours to judge; it is replaced when signatures come
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizeList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

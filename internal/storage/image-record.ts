// One element of images.json and what may become of it: pure functions.

import { createHash } from 'node:crypto';
import type { StoreRecord } from './json-list.ts';
import type { Digest, NewImage } from './store.ts';

/** One element of images.json; fields that are not here are kept as they are. */
export interface ImageRecord extends StoreRecord {
  digest?: string;
  'names-history'?: string[] | null;
  layer?: string;
  'mapped-layers'?: string[] | null;
  metadata?: string;
  'big-data-names'?: string[] | null;
  'big-data-sizes'?: Record<string, number> | null;
  'big-data-digests'?: Record<string, string> | null;
  created?: string;
}

export function newRecord(image: NewImage): ImageRecord {
  return {
    id: image.id,
    digest: image.manifestDigest,
    ...(image.topLayerId === undefined ? {} : { layer: image.topLayerId }),
    metadata: '{}',
    created: image.createdAt.toISOString(),
  };
}

export function documentsOf(image: NewImage): Map<string, Uint8Array> {
  return new Map([
    [image.configDigest, image.config],
    [`manifest-${image.manifestDigest}`, image.manifest],
    ['manifest', image.manifest],
  ]);
}

export function withDocuments(
  record: ImageRecord,
  manifestDigest: Digest,
  documents: ReadonlyMap<string, Uint8Array>,
): ImageRecord {
  const names = new Set([...(record['big-data-names'] ?? []), ...documents.keys()]);
  const sizes = { ...record['big-data-sizes'] };
  const digests = { ...record['big-data-digests'] };
  for (const [key, data] of documents) {
    sizes[key] = data.length;
    digests[key] = `sha256:${createHash('sha256').update(data).digest('hex')}`;
  }
  return {
    ...record,
    digest: manifestDigest,
    'big-data-names': [...names],
    'big-data-sizes': sizes,
    'big-data-digests': digests,
  };
}

/** Adds names; the history keeps every name that the image ever had, the newest first. */
export function withNames(record: ImageRecord, names: readonly string[]): ImageRecord {
  const history = record['names-history'] ?? [];
  return {
    ...record,
    names: [...new Set([...(record.names ?? []), ...names])],
    'names-history': [...new Set([...[...names].reverse(), ...history])],
  };
}

export function documentSize(record: ImageRecord): number {
  return Object.values(record['big-data-sizes'] ?? {}).reduce((sum, bytes) => sum + bytes, 0);
}

// layers.json as a forest: look-ups over the records in memory.

import { createHash } from 'node:crypto';
import type { RecordFile, StoreRecord } from './record-file.ts';
import type { Digest, StoredLayer } from './store.ts';

/** One element of layers.json; fields that are not here are kept as they are. */
export interface LayerRecord extends StoreRecord {
  parent?: string;
  created?: string;
  'compressed-diff-digest'?: string;
  'compressed-size'?: number;
  'diff-digest'?: string;
  'diff-size'?: number;
  'toc-digest'?: string;
  compression?: number;
  uidset?: number[];
  gidset?: number[];
  uidmap?: unknown[] | null;
  gidmap?: unknown[] | null;
  flags?: Record<string, unknown> | null;
}

/** The id that every tool gives to a layer of this content on this parent. It is not the OCI ChainID. */
export function layerIdOf(parentId: string | undefined, diffId: Digest): string {
  const hex = diffId.slice('sha256:'.length);
  if (parentId === undefined) return hex;
  return createHash('sha256').update(`${parentId}+${hex}`).digest('hex');
}

/** Tells our records from those of other tools on the same store. Unknown flags survive their rewriting. */
export const ownFlag = 'cria';

/** True while a layer is being made or deleted; after a crash, the sign that it is to be deleted. */
export function isIncomplete(record: LayerRecord): boolean {
  return record.flags?.['incomplete'] === true;
}

/** A layer that any image can stand on: its ids are not shifted, its content is known by its digest. */
function isShareable(record: LayerRecord): boolean {
  const mapped = (record.uidmap?.length ?? 0) > 0 || (record.gidmap?.length ?? 0) > 0;
  return !isIncomplete(record) && !mapped && record['diff-digest'] !== undefined;
}

export function toStoredLayer(record: LayerRecord): StoredLayer {
  return {
    id: record.id,
    parentId: parentOf(record),
    diffId: record['diff-digest'] as Digest,
    diffSizeBytes: Math.max(0, record['diff-size'] ?? 0),
  };
}

export function parentOf(record: LayerRecord): string | undefined {
  return record.parent === undefined || record.parent === '' ? undefined : record.parent;
}

interface LayerIndex {
  readonly generation: number;
  readonly byContent: ReadonlyMap<string, LayerRecord>;
  readonly childCount: ReadonlyMap<string, number>;
}

/** Answers about the layers in memory; its index is made anew when the list has changed. */
export class LayerForest {
  readonly #file: RecordFile<LayerRecord>;
  #index: LayerIndex | undefined;

  constructor(file: RecordFile<LayerRecord>) {
    this.#file = file;
  }

  find(parentId: string | undefined, diffId: Digest): LayerRecord | undefined {
    return this.#indexed().byContent.get(contentKey(parentId, diffId));
  }

  hasChildren(layerId: string): boolean {
    return (this.#indexed().childCount.get(layerId) ?? 0) > 0;
  }

  /** The layer and all below it, top first; undefined when one of them is missing or incomplete. */
  chain(topLayerId: string): LayerRecord[] | undefined {
    const chain: LayerRecord[] = [];
    const seen = new Set<string>();
    for (let id: string | undefined = topLayerId; id !== undefined; ) {
      const record: LayerRecord | undefined = this.#file.get(id);
      if (record === undefined || isIncomplete(record) || seen.has(id)) return undefined;
      seen.add(id);
      chain.push(record);
      id = parentOf(record);
    }
    return chain;
  }

  #indexed(): LayerIndex {
    const { generation } = this.#file;
    if (this.#index?.generation === generation) return this.#index;
    const byContent = new Map<string, LayerRecord>();
    const childCount = new Map<string, number>();
    for (const record of this.#file.all()) {
      const parent = parentOf(record);
      if (parent !== undefined) childCount.set(parent, (childCount.get(parent) ?? 0) + 1);
      if (isShareable(record)) byContent.set(contentKey(parent, record['diff-digest'] ?? ''), record);
    }
    this.#index = { generation, byContent, childCount };
    return this.#index;
  }
}

function contentKey(parentId: string | undefined, diffId: string): string {
  return `${parentId ?? ''} ${diffId}`;
}

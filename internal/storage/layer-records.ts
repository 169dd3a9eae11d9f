// layers.json as a forest: look-ups over the records in memory.

import { createHash } from 'node:crypto';
import type { BrokenObjects } from './broken-objects.ts';
import type { StoreRecord } from './json-list.ts';
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
}

/** A list of layers, in memory. */
export interface LayerList {
  readonly generation: number;
  get(id: string): LayerRecord | undefined;
  all(): readonly LayerRecord[];
}

/** Answers about the layers in memory; its index is made anew when a list has changed. */
export class LayerForest {
  readonly #lists: readonly LayerList[];
  readonly #broken: BrokenObjects;
  #index: LayerIndex | undefined;

  /** Of a layer that several lists have, the first one's counts. */
  constructor(lists: readonly LayerList[], broken: BrokenObjects) {
    this.#lists = lists;
    this.#broken = broken;
  }

  /** Rises whenever one of the lists may have changed. */
  get generation(): number {
    return this.#lists.reduce((sum, list) => sum + list.generation, this.#broken.generation);
  }

  get(layerId: string): LayerRecord | undefined {
    for (const list of this.#lists) {
      const record = list.get(layerId);
      if (record !== undefined) return record;
    }
    return undefined;
  }

  find(parentId: string | undefined, diffId: Digest): LayerRecord | undefined {
    return this.#indexed().byContent.get(contentKey(parentId, diffId));
  }

  /** The layer and all below it, top first; undefined when one of them is missing, incomplete or broken. */
  chain(topLayerId: string): LayerRecord[] | undefined {
    const chain: LayerRecord[] = [];
    const seen = new Set<string>();
    for (let id: string | undefined = topLayerId; id !== undefined; ) {
      const record: LayerRecord | undefined = this.get(id);
      if (record === undefined || isIncomplete(record) || seen.has(id) || this.#broken.isBroken(record))
        return undefined;
      seen.add(id);
      chain.push(record);
      id = parentOf(record);
    }
    return chain;
  }

  #indexed(): LayerIndex {
    const { generation } = this;
    if (this.#index?.generation === generation) return this.#index;
    const byContent = new Map<string, LayerRecord>();
    for (const list of this.#lists.toReversed()) {
      for (const record of list.all()) {
        if (isShareable(record))
          byContent.set(contentKey(parentOf(record), record['diff-digest'] ?? ''), record);
      }
    }
    this.#index = { generation, byContent };
    return this.#index;
  }
}

function contentKey(parentId: string | undefined, diffId: string): string {
  return `${parentId ?? ''} ${diffId}`;
}

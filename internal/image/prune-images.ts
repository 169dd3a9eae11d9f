// Which images nobody needs, and how much room they take. Pure but for the records it reads.

import type { ImageLayer, ImageRecords } from '../storage/store.ts';
import type { Image } from './images.ts';

export interface PrunePlan {
  readonly images: readonly Image[];
  /** Of the layers that nothing else stands on, uncompressed, and of the images' own documents. */
  readonly freedBytes: number;
}

/** Images that are neither pinned nor used by a container, of any tool; with `all` also those that have a tag. */
export function prunePlan(records: ImageRecords, images: readonly Image[], all: boolean): PrunePlan {
  const doomed = images.filter((image) => {
    const isKept = image.pinned || (!all && image.repoTags.length > 0);
    return !isKept && !records.get(image.id)?.readOnly && records.usersOf(image.id).length === 0;
  });
  const doomedIds = new Set(doomed.map(({ id }) => id));
  const kept = images.filter(({ id }) => !doomedIds.has(id)).flatMap(({ id }) => records.layersOf(id));
  const keptIds = new Set(kept.map(({ id }) => id));
  const freed = new Map<string, ImageLayer>();
  let documentBytes = 0;
  for (const { id, sizeBytes } of doomed) {
    const layers = records.layersOf(id);
    documentBytes += sizeBytes - sumOf(layers);
    for (const layer of layers) if (!keptIds.has(layer.id)) freed.set(layer.id, layer);
  }
  return { images: doomed, freedBytes: documentBytes + sumOf([...freed.values()]) };
}

function sumOf(layers: readonly ImageLayer[]): number {
  return layers.reduce((sum, { diffSizeBytes }) => sum + diffSizeBytes, 0);
}

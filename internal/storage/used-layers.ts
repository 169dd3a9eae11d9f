// Which layers may be deleted: those that no image, no container and no other layer stands on.

import { parentOf } from './layer-records.ts';
import type { StoreState } from './store-state.ts';

/**
 * Those of `candidates` that nothing uses, children before parents. Call it with all three locks held, so that the
 * lists are as on disk: containers of every tool count.
 */
export function unusedLayers(store: StoreState, candidates: ReadonlySet<string>): string[] {
  const pinned = new Set<string>();
  for (const image of store.images.all()) {
    for (const id of [image.layer, ...(image['mapped-layers'] ?? [])]) if (id !== undefined) pinned.add(id);
  }
  for (const container of store.containers.all()) {
    if (container.layer !== undefined) pinned.add(container.layer);
  }
  const children = new Map<string, number>();
  const layers = store.layers.all();
  for (const layer of layers) {
    const parent = parentOf(layer);
    if (parent !== undefined) children.set(parent, (children.get(parent) ?? 0) + 1);
  }
  const doomed: string[] = [];
  const byId = new Map(layers.map((layer) => [layer.id, layer]));
  // A layer of a read-only store is in no list of ours.
  const isFree = (id: string): boolean =>
    byId.has(id) && candidates.has(id) && !pinned.has(id) && !children.get(id);
  for (const leaf of layers.filter((layer) => isFree(layer.id))) {
    for (let at: string | undefined = leaf.id; at !== undefined && isFree(at); ) {
      doomed.push(at);
      const layer = byId.get(at);
      const parent: string | undefined = layer === undefined ? undefined : parentOf(layer);
      if (parent !== undefined) children.set(parent, (children.get(parent) ?? 1) - 1);
      at = parent;
    }
  }
  return doomed;
}

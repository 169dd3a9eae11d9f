// Layers that no image and no container stands on.

import { isIncomplete } from '../layer-records.ts';
import type { StoreState } from '../store-state.ts';
import { unusedLayers } from '../used-layers.ts';
import type { Finding } from './finding.ts';

/** Those that are older than `ageMs`; younger ones may belong to a pull that is not over. */
export function unreferencedLayers(store: StoreState, ageMs: number): Finding[] {
  const old = store.layers.all().filter((layer) => {
    return !isIncomplete(layer) && Date.now() - Date.parse(layer.created ?? '') > ageMs;
  });
  return unusedLayers(store, new Set(old.map(({ id }) => id))).map((id) => ({
    object: 'layer',
    id,
    reason: 'is used by no image and no container',
    cure: 'remove',
    readOnly: false,
  }));
}

// Layers that an image can stand on.

import { existsSync } from 'node:fs';
import type { LayerRecord } from './layer-records.ts';
import type { Digest } from './store.ts';
import type { StoreState } from './store-state.ts';

/** The complete layer with this diffID on this parent. A power loss can take the files and leave the record. */
export function usableLayer(
  { forest, broken, homeOf }: StoreState,
  parentId: string | undefined,
  diffId: Digest,
): LayerRecord | undefined {
  const record = forest.find(parentId, diffId);
  if (record === undefined || broken.isBroken(record)) return undefined;
  return existsSync(homeOf(record.id).diff(record.id)) ? record : undefined;
}

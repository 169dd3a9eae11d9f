// Where a layer's tar-split lies, without which its tar cannot be made again.

import { existsSync } from 'node:fs';
import type { StoreState } from './store-state.ts';

/** With images elsewhere it lies with the containers all the same, as containers/storage has it; in an older store with the layer. */
export function tarSplitPaths(
  { homeOf, paths }: Pick<StoreState, 'homeOf' | 'paths'>,
  layerId: string,
): readonly string[] {
  return [...new Set([homeOf(layerId), paths])].map((home) => home.tarSplit(layerId));
}

/** Undefined when there is none. */
export function findTarSplit(store: StoreState, layerId: string): string | undefined {
  return tarSplitPaths(store, layerId).find((path) => existsSync(path));
}

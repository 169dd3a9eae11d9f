// After a power loss: the content of the layers that other tools stored last. They sync nothing, so a layer of theirs may
// have all its files, and some of them empty. It is done in the background, because it reads every byte.

import { describeError } from '../../errors/daemon-error.ts';
import { ownFlag } from '../layer-records.ts';
import type { StoreState } from '../store-state.ts';
import { layerContents } from './contents.ts';

/** The kernel writes what is older than 30 s; a busy disk may be a while behind. */
const recentMs = 10 * 60_000;

/** Puts aside those whose content is not what it was. Does not reject. */
export async function verifyRecent(store: StoreState, signal: AbortSignal): Promise<void> {
  const foreign = store.layers.all().filter(({ flags }) => flags?.[ownFlag] !== true);
  const createdAt = (layer: { created?: string }): number => Date.parse(layer.created ?? '') || 0;
  const newest = Math.max(...store.layers.all().map(createdAt));
  const recent = foreign.filter((layer) => createdAt(layer) >= newest - recentMs);
  try {
    for (const [layerId, faults] of await layerContents(store, recent, signal)) {
      const broken = faults.find(({ cure }) => cure === 'remove');
      const record = store.layers.get(layerId);
      if (broken === undefined || record === undefined) continue;
      store.broken.addLayer(record);
      const what =
        'damage after a power loss, put aside: images on it are not listed until they are pulled again';
      store.logger.warn({ layerId, reason: broken.reason }, what);
    }
    store.logger.info({ layers: recent.length }, 'checked the content of layers after a power loss');
  } catch (cause) {
    if (!signal.aborted)
      store.logger.warn({ error: describeError(cause) }, 'could not check layers after a power loss');
  }
}

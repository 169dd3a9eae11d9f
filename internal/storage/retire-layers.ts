// Deleting layers by the crash rule: flagged incomplete first, out of the way by rename, then forgotten; the slow
// deletion of the files comes after the lock is released.

import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isENOENT } from '../errors/errno.ts';
import { removeTree } from '../fs/directories.ts';
import { dropLink } from './layer-dir.ts';
import type { LayerRecord } from './layer-records.ts';
import type { OpenRecords } from './record-file.ts';
import type { StoreState } from './store-state.ts';
import { TempDir } from './temp-dir.ts';

/**
 * Takes layers out of the store while layers.lock is held for writing. The caller removes the returned directory after
 * it has released the lock; if it cannot, the next start of any tool does.
 */
export async function retireLayers(
  store: StoreState,
  layers: OpenRecords<LayerRecord>,
  layerIds: readonly string[],
): Promise<TempDir> {
  return withGrave(store, async (grave) => {
    for (const layerId of layerIds) {
      const record = layers.get(layerId);
      if (record === undefined) continue;
      layers.put(layers.placeOf(layerId), { ...record, flags: { ...record.flags, incomplete: true } });
    }
    await layers.save();
    await bury(store, layerIds, grave);
    for (const layerId of layerIds) layers.delete(layerId);
    await layers.save();
  });
}

/**
 * The same with one write instead of two, for a container's own layer: it is forgotten first, so a crash leaves a
 * directory without a record, which our next start deletes.
 */
export async function retireContainerLayer(
  store: StoreState,
  layers: OpenRecords<LayerRecord>,
  layerId: string,
): Promise<TempDir> {
  return withGrave(store, async (grave) => {
    layers.delete(layerId);
    await layers.save();
    await bury(store, [layerId], grave);
  });
}

async function withGrave(store: StoreState, work: (grave: TempDir) => Promise<void>): Promise<TempDir> {
  const grave = await TempDir.create(store.paths.tempDirs);
  try {
    await work(grave);
    return grave;
  } catch (cause) {
    await grave.remove();
    throw cause;
  }
}

async function bury(store: StoreState, layerIds: readonly string[], grave: TempDir): Promise<void> {
  const { paths } = store;
  for (const layerId of layerIds) {
    await dropLink(paths, layerId);
    await grave.take(paths.layer(layerId));
    await unlink(paths.tarSplit(layerId)).catch(ignoreMissing);
    await removeTree(join(paths.layers, layerId)); // small files that other tools keep for some kinds of layers
  }
}

function ignoreMissing(cause: unknown): void {
  if (!isENOENT(cause)) throw cause;
}

// Deleting layers by the crash rule: flagged incomplete first, out of the way by rename, then forgotten; the slow
// deletion of the files comes after the lock is released.

import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isENOENT } from '../errors/errno.ts';
import { dropLink } from './layer-dir.ts';
import type { LayerRecord } from './layer-records.ts';
import type { OpenRecords } from './record-file.ts';
import { removeTree } from './remove-tree.ts';
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
  const { paths } = store;
  const grave = await TempDir.create(paths.tempDirs);
  for (const layerId of layerIds) {
    const record = layers.get(layerId);
    if (record === undefined) continue;
    layers.put(layers.placeOf(layerId), { ...record, flags: { ...record.flags, incomplete: true } });
  }
  await layers.save();
  for (const layerId of layerIds) {
    await dropLink(paths, layerId);
    await grave.take(paths.layer(layerId));
    await unlink(paths.tarSplit(layerId)).catch(ignoreMissing);
    await removeTree(join(paths.layers, layerId)); // small files that other tools keep for some kinds of layers
    layers.delete(layerId);
  }
  await layers.save();
  return grave;
}

function ignoreMissing(cause: unknown): void {
  if (!isENOENT(cause)) throw cause;
}

// What a crash, of ours or of any other tool, left behind: deleted when the store is opened. Nothing that a living
// process works on is touched, and nothing is ever deleted because it looks damaged.

import { lstat, readdir, readlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isENOENT } from '../errors/errno.ts';
import { isIncomplete, type LayerRecord } from './layer-records.ts';
import type { OpenRecords } from './record-file.ts';
import { retireLayers } from './retire-layers.ts';
import { isStoreId } from './store-paths.ts';
import type { StoreState } from './store-state.ts';
import { removeStaleTempDirs, type TempDir } from './temp-dir.ts';

/** Tools that make a layer's directory before its record are given this long to write the record. */
const orphanAgeMs = 60 * 60_000;

/** Deletes incomplete layers, directories without a record, dangling links, and work of processes that are gone. */
export async function collectGarbage(store: StoreState): Promise<void> {
  const { paths, logger } = store;
  const grave = await store.layers.locked('write', async (layers) => {
    const doomed = [...incompleteLayers(layers), ...(await orphans(store, layers))];
    if (doomed.length === 0) return undefined;
    logger.info({ layerIds: doomed }, 'deleting abandoned layers');
    return retireLayers(store, layers, doomed);
  });
  await removeInBackground(grave);
  await removeDanglingLinks(store);
  await removeStaleTempDirs(paths.tempDirs);
}

async function removeInBackground(grave: TempDir | undefined): Promise<void> {
  await grave?.remove();
}

/** With the write lock held nobody makes a layer, so a record that is incomplete stays so: its maker is dead. */
function incompleteLayers(layers: OpenRecords<LayerRecord>): string[] {
  return layers
    .all()
    .filter(isIncomplete)
    .map((layer) => layer.id);
}

async function orphans(store: StoreState, layers: OpenRecords<LayerRecord>): Promise<string[]> {
  const names = await readdir(store.paths.overlay);
  const old: string[] = [];
  for (const name of names.filter((each) => isStoreId(each) && layers.get(each) === undefined)) {
    const { ctimeMs } = await lstat(store.paths.layer(name));
    if (Date.now() - ctimeMs > orphanAgeMs) old.push(name);
  }
  return old;
}

async function removeDanglingLinks(store: StoreState): Promise<void> {
  const { links, overlay } = store.paths;
  for (const name of await readdir(links)) {
    const path = join(links, name);
    const target = await readlink(path).catch(() => undefined);
    const layerId = target?.split('/')[1];
    if (layerId === undefined || !isStoreId(layerId)) continue;
    try {
      await lstat(join(overlay, layerId));
    } catch (cause) {
      if (isENOENT(cause)) await unlink(path).catch(() => {});
    }
  }
}

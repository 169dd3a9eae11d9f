// What a crash, of ours or of any other tool, left behind. Nothing that a living process works on is touched, and
// nothing is ever deleted because it looks damaged.

import { lstat, readdir, readFile, readlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isENOENT } from '../errors/errno.ts';
import { removeTree } from '../fs/directories.ts';
import { isIncomplete, type LayerRecord, ownFlag } from './layer-records.ts';
import type { OpenRecords } from './record-file.ts';
import { retireLayers } from './retire-layers.ts';
import { isStoreId } from './store-paths.ts';
import type { StoreState } from './store-state.ts';
import { removeStaleTempDirs } from './temp-dir.ts';
import { unusedLayers } from './used-layers.ts';

/**
 * A directory without a record is left alone for this long, in case a tool that we do not know works on it; and so is
 * a layer without an image, which a pull may be about to use.
 */
const orphanAgeMs = 60 * 60_000;

/**
 * Deletes incomplete layers, layers of ours that nothing uses, old layer and image directories without a record,
 * dangling links, unfinished writes, and the temporary directories of processes that are gone.
 */
export async function collectGarbage(store: StoreState): Promise<void> {
  const { paths, logger } = store;
  const grave = await store.layers.locked('write', async (layers) => {
    await removeUnfinishedWrites(paths.layers);
    const doomed = [
      ...(await abandonedLayers(store)),
      ...incompleteLayers(layers),
      ...(await orphanLayers(store, layers)),
    ];
    if (doomed.length === 0) return undefined;
    logger.info({ layerIds: doomed }, 'deleting abandoned layers');
    return retireLayers(store, layers, doomed);
  });
  await grave?.remove();
  await store.images.locked('write', async (images) => {
    await removeUnfinishedWrites(paths.images);
    const known = (id: string): boolean => images.get(id) !== undefined;
    for (const id of await oldDirectories(paths.images, known)) await removeTree(join(paths.images, id));
  });
  await store.containers.locked('write', () => removeUnfinishedWrites(paths.containers));
  await removeDanglingLinks(store);
  await removeStaleTempDirs(paths.tempDirs);
}

/** With the write lock held nobody makes a layer, so one that is incomplete stays so: its maker is dead. */
function incompleteLayers(layers: OpenRecords<LayerRecord>): string[] {
  return layers
    .all()
    .filter(isIncomplete)
    .map((layer) => layer.id);
}

/**
 * Ours that a kill left between two lists: a layer before its image's record or after it, a container's layer without
 * its container. The latter is entered and left with all locks held, so it needs no age.
 */
async function abandonedLayers(store: StoreState): Promise<string[]> {
  const isAbandoned = (layer: LayerRecord): boolean => {
    if (isIncomplete(layer) || layer.flags?.[ownFlag] !== true) return false;
    return layer['diff-digest'] === undefined || Date.now() - Date.parse(layer.created ?? '') > orphanAgeMs;
  };
  return store.images.locked('read', () =>
    store.containers.locked('read', async () => {
      const candidates = store.layers.all().filter(isAbandoned);
      return unusedLayers(store, new Set(candidates.map((layer) => layer.id)));
    }),
  );
}

async function orphanLayers(store: StoreState, layers: OpenRecords<LayerRecord>): Promise<string[]> {
  const transient = await transientLayerIds(join(store.paths.runRoot, 'overlay-layers'));
  const known = (id: string): boolean => layers.get(id) !== undefined || transient.has(id);
  return oldDirectories(store.paths.overlay, known);
}

/** With podman's transient_store the records of its containers' layers are in the run directory. */
async function transientLayerIds(directory: string): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  for (const name of ['layers.json', 'volatile-layers.json']) {
    const text = await readFile(join(directory, name), 'utf8').catch((cause: unknown) => {
      if (isENOENT(cause)) return '';
      throw cause;
    });
    for (const id of text.match(/[0-9a-f]{64}/g) ?? []) ids.add(id);
  }
  return ids;
}

async function oldDirectories(parent: string, isKnown: (id: string) => boolean): Promise<string[]> {
  const old: string[] = [];
  for (const name of await readdir(parent)) {
    if (!isStoreId(name) || isKnown(name)) continue;
    const { ctimeMs } = await lstat(join(parent, name));
    if (Date.now() - ctimeMs > orphanAgeMs) old.push(name);
  }
  return old;
}

/** Call it with the directory's lock held: its JSON is written only then, so a temporary file is nobody's. */
async function removeUnfinishedWrites(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (/^\.tmp-.*\.json/.test(name)) await unlink(join(directory, name));
  }
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

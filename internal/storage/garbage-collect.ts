// What a crash, of ours or of any other tool, left behind. Nothing that a living process works on is touched, and
// nothing is ever deleted because it looks damaged. Each deletion is logged with its size.

import { lstat, readdir, readlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isENOENT } from '../errors/errno.ts';
import { listDirectory, removeTree } from '../fs/directories.ts';
import { treeBytes } from '../fs/tree-usage.ts';
import { type ContainerRecord, guardedBy } from './container-record.ts';
import { isIncomplete, type LayerRecord, ownFlag } from './layer-records.ts';
import { isOld, orphanDirectories, orphanFiles, orphanLayers } from './orphans.ts';
import type { OpenRecords } from './record-file.ts';
import { type Grave, retireLayers, retireOrphans } from './retire-layers.ts';
import { isStoreId } from './store-paths.ts';
import type { StoreState } from './store-state.ts';
import { removeStaleTempDirs } from './temp-dir.ts';
import { unusedLayers } from './used-layers.ts';

export interface CollectOptions {
  /** How long another process may keep the lock of the layers before nothing is done. */
  readonly patienceMs: number;
  /** A layer of ours without an image is left alone for this long: a pull may be about to use it. */
  readonly unusedAgeMs: number;
}

/**
 * Deletes incomplete layers, layers of ours that nothing uses, old directories and files without a record, dangling
 * links, unfinished writes, and the temporary directories of processes that are gone. False when another process keeps
 * the lock of the layers for too long: nothing of it is done then.
 */
export async function collectGarbage(store: StoreState, options: CollectOptions): Promise<boolean> {
  const held = await store.layers.lockedWithin('write', options.patienceMs, (layers) =>
    collectLayers(store, layers, options.unusedAgeMs),
  );
  if (held === undefined) return false;
  for (const { what, grave } of held.value) {
    const bytes = await grave.sizeBytes();
    await grave.remove();
    store.logger.info({ layerIds: what, bytes }, 'deleted abandoned layers');
  }
  await collectImageFiles(store);
  await store.containers.locked('write', async (containers) => {
    await removeUnfinishedWrites(store, store.paths.containers);
    await removeLostGuards(containers);
  });
  for (const home of homesOf(store)) {
    await removeDanglingLinks(store, home);
    for (const { name, bytes } of await removeStaleTempDirs(home.tempDirs))
      store.logger.info({ path: join(home.tempDirs, name), bytes }, 'deleted an abandoned directory');
  }
  return true;
}

interface Buried {
  readonly what: readonly string[];
  readonly grave: Grave;
}

async function collectLayers(
  store: StoreState,
  layers: OpenRecords<LayerRecord>,
  unusedAgeMs: number,
): Promise<Buried[]> {
  const { paths } = store;
  for (const home of homesOf(store)) await removeUnfinishedWrites(store, home.layers);
  for (const path of await orphanFiles(store, layers)) await removeLogged(store, path);
  const buried: Buried[] = [];
  const doomed = [...new Set([...(await abandonedLayers(store, unusedAgeMs)), ...incompleteLayers(layers)])];
  if (doomed.length > 0) buried.push({ what: doomed, grave: await retireLayers(store, layers, doomed) });
  for (const home of homesOf(store)) {
    const orphans = await orphanLayers(store, home, layers);
    if (orphans.length > 0) buried.push({ what: orphans, grave: await retireOrphans(home, paths, orphans) });
  }
  return buried;
}

async function collectImageFiles(store: StoreState): Promise<void> {
  const { imagePaths } = store;
  await store.images.locked('write', async (images) => {
    await removeUnfinishedWrites(store, imagePaths.images);
    const known = (id: string): boolean => images.get(id) !== undefined;
    for (const id of await orphanDirectories(imagePaths.images, known)) {
      await removeLogged(store, join(imagePaths.images, id));
    }
    for (const { id } of images.all()) await removeUnfinishedWrites(store, join(imagePaths.images, id));
  });
}

function homesOf({ paths, imagePaths }: StoreState): StoreState['paths'][] {
  return [...new Set([paths, imagePaths])];
}

async function removeLogged({ logger }: StoreState, path: string): Promise<void> {
  const bytes = await treeBytes(path);
  await removeTree(path);
  logger.info({ path, bytes }, 'deleted what no record of the image store names');
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
async function abandonedLayers(store: StoreState, unusedAgeMs: number): Promise<string[]> {
  const isAbandoned = (layer: LayerRecord): boolean => {
    if (isIncomplete(layer) || layer.flags?.[ownFlag] !== true) return false;
    return layer['diff-digest'] === undefined || Date.now() - Date.parse(layer.created ?? '') >= unusedAgeMs;
  };
  return store.images.locked('read', () =>
    store.containers.locked('read', async () => {
      const candidates = store.layers.all().filter(isAbandoned);
      return unusedLayers(store, new Set(candidates.map((layer) => layer.id)));
    }),
  );
}

/** Call it with the directory's lock held: its files are written only then, so a temporary one is nobody's. */
async function removeUnfinishedWrites({ logger }: StoreState, directory: string): Promise<void> {
  for (const name of await listDirectory(directory)) {
    const path = join(directory, name);
    // Of other files than the lists, newer tools write some without the lock.
    if (!name.startsWith('.tmp-') || !(/\.json/.test(name) || (await isOld(path)))) continue;
    const { size } = await lstat(path);
    await unlink(path);
    logger.info({ path, bytes: size }, 'deleted an unfinished write');
  }
}

async function removeDanglingLinks({ logger }: StoreState, home: StoreState['paths']): Promise<void> {
  for (const name of await readdir(home.links)) {
    const path = join(home.links, name);
    const target = await readlink(path).catch(() => undefined);
    const layerId = target?.split('/')[1];
    if (layerId === undefined || !isStoreId(layerId)) continue;
    try {
      await lstat(home.layer(layerId));
    } catch (cause) {
      if (!isENOENT(cause)) continue;
      await unlink(path).catch(() => {});
      logger.info({ path, layerId }, 'deleted the link of a layer that is gone');
    }
  }
}

/** Another tool may delete the record of a container, and leave the one that keeps its image. */
async function removeLostGuards(containers: OpenRecords<ContainerRecord>): Promise<void> {
  for (const record of containers.all()) {
    const owner = guardedBy(record);
    if (owner !== undefined && containers.get(owner) === undefined) containers.delete(record.id);
  }
  await containers.save();
}

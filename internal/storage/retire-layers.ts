// Deleting layers by the crash rule: flagged incomplete first, out of the way by rename, then forgotten; the slow
// deletion of the files comes after the lock is released.

import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isDiskFull, isENOENT } from '../errors/errno.ts';
import { removeTree } from '../fs/directories.ts';
import { treeBytes } from '../fs/tree-usage.ts';
import { dropLink } from './layer-dir.ts';
import type { LayerRecord } from './layer-records.ts';
import type { OpenRecords } from './record-file.ts';
import type { StorePaths } from './store-paths.ts';
import type { StoreState } from './store-state.ts';
import { TempDir } from './temp-dir.ts';

/** What was taken out of the store, still on disk. The caller removes it after it has released the lock. */
export interface Grave {
  /** What `remove` gives back. */
  sizeBytes(): Promise<number>;
  /** Idempotent. What it cannot delete, the next start of any tool does. */
  remove(): Promise<void>;
}

/** Takes layers out of the store while layers.lock is held for writing. */
export async function retireLayers(
  store: StoreState,
  layers: OpenRecords<LayerRecord>,
  layerIds: readonly string[],
): Promise<Grave> {
  return withGraves(homesOf(store, layerIds), async (graves) => {
    for (const layerId of layerIds) {
      const record = layers.get(layerId);
      if (record === undefined) continue;
      layers.put(layers.placeOf(layerId), { ...record, flags: { ...record.flags, incomplete: true } });
    }
    await layers.save();
    await bury(layerIds, graves, store.paths);
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
): Promise<Grave> {
  return withGraves(homesOf(store, [layerId]), async (graves) => {
    layers.delete(layerId);
    await layers.save();
    await bury([layerId], graves, store.paths);
  });
}

/** The same for a container's layer that is in no list, which needs no lock. */
export async function retireUnlisted(store: StoreState, layerId: string): Promise<Grave> {
  return withGraves(homesOf(store, [layerId]), (graves) => bury([layerId], graves, store.paths));
}

/** Directories of layers that have no record, from the home that they lie in. */
export async function retireOrphans(
  home: StorePaths,
  paths: StorePaths,
  layerIds: readonly string[],
): Promise<Grave> {
  return withGraves([home], (graves) => bury(layerIds, graves, paths));
}

/** On a full disk the files are deleted where they are, with the lock held: that gives room. */
async function graveIn(home: StorePaths): Promise<TempDir | undefined> {
  try {
    return await TempDir.create(home.tempDirs);
  } catch (cause) {
    if (!isDiskFull(cause)) throw cause;
    return undefined;
  }
}

async function sizeOf(graves: Iterable<TempDir | undefined>): Promise<number> {
  let total = 0;
  for (const grave of graves) if (grave !== undefined) total += await treeBytes(grave.path);
  return total;
}

/** Directories for the dead, one on the file system of each home that has any; none on a full one. */
type Graves = ReadonlyMap<StorePaths, TempDir | undefined>;

function homesOf(store: StoreState, layerIds: readonly string[]): ReadonlySet<StorePaths> {
  return new Set(layerIds.map((id) => store.homeOf(id)));
}

async function withGraves(
  homes: Iterable<StorePaths>,
  work: (graves: Graves) => Promise<void>,
): Promise<Grave> {
  const graves = new Map<StorePaths, TempDir | undefined>();
  const remove = async (): Promise<void> => {
    for (const grave of graves.values()) await grave?.remove();
  };
  try {
    for (const home of homes) graves.set(home, await graveIn(home));
    await work(graves);
    return { remove, sizeBytes: () => sizeOf(graves.values()) };
  } catch (cause) {
    await remove();
    throw cause;
  }
}

async function bury(layerIds: readonly string[], graves: Graves, paths: StorePaths): Promise<void> {
  for (const layerId of layerIds) {
    for (const [home, grave] of graves) await buryIn(home, grave, layerId, paths);
  }
}

async function buryIn(
  home: StorePaths,
  grave: TempDir | undefined,
  layerId: string,
  paths: StorePaths,
): Promise<void> {
  await dropLink(home, layerId);
  if (grave === undefined) await removeTree(home.layer(layerId));
  else await grave.take(home.layer(layerId));
  await unlink(paths.tarSplit(layerId)).catch(ignoreMissing);
  await removeTree(join(paths.layers, layerId)); // small files that other tools keep for some kinds of layers
}

function ignoreMissing(cause: unknown): void {
  if (!isENOENT(cause)) throw cause;
}

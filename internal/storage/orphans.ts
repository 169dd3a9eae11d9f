// What lies in the store and no record names. Tools that we do not know may be at work on it, so only what has been there
// for a while counts.

import { existsSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { listDirectory } from '../fs/directories.ts';
import { readTextIfThere } from '../fs/read-text.ts';
import type { LayerRecord } from './layer-records.ts';
import type { OpenRecords } from './record-file.ts';
import { isStoreId, type StorePaths } from './store-paths.ts';
import type { StoreState } from './store-state.ts';
import { hasNote } from './unlisted-containers.ts';

const orphanAgeMs = 60 * 60_000;

/** Directories of layers in `home` without a record, and without a container that waits to be entered. */
export async function orphanLayers(
  { paths, containers }: StoreState,
  home: StorePaths,
  layers: OpenRecords<LayerRecord>,
): Promise<string[]> {
  const transient = await transientLayerIds(join(paths.runRoot, 'overlay-layers'));
  const owned = new Set(containers.all().map((container) => container.layer));
  const known = (id: string): boolean => {
    return layers.get(id) !== undefined || transient.has(id) || owned.has(id) || hasNote(home, id);
  };
  return orphanDirectories(home.overlay, known);
}

/** Names of directories below `parent` that are ids, are not known, and were not changed for an hour. */
export async function orphanDirectories(parent: string, isKnown: (id: string) => boolean): Promise<string[]> {
  const names = (await listDirectory(parent)).filter((name) => isStoreId(name) && !isKnown(name));
  const old = await Promise.all(names.map(async (name) => ((await isOld(join(parent, name))) ? [name] : [])));
  return old.flat();
}

/** Files beside the records of layers (tar-split and directories of other tools) of layers that are nowhere. */
export async function orphanFiles(store: StoreState, layers: OpenRecords<LayerRecord>): Promise<string[]> {
  const { paths, imagePaths } = store;
  const orphans: string[] = [];
  for (const name of await listDirectory(paths.layers)) {
    const [id = ''] = name.split('.');
    if (!isStoreId(id) || layers.get(id) !== undefined) continue;
    if ([paths, imagePaths].some((home) => existsSync(home.layer(id)))) continue; // it goes with the layer
    const path = join(paths.layers, name);
    if (await isOld(path)) orphans.push(path);
  }
  return orphans;
}

/** Not changed for an hour. */
export async function isOld(path: string): Promise<boolean> {
  const { ctimeMs } = await lstat(path);
  return Date.now() - ctimeMs > orphanAgeMs;
}

/** With podman's transient_store the records of its containers' layers are in the run directory. */
async function transientLayerIds(directory: string): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  for (const name of ['layers.json', 'volatile-layers.json']) {
    const text = (await readTextIfThere(join(directory, name))) ?? '';
    for (const id of text.match(/[0-9a-f]{64}/g) ?? []) ids.add(id);
  }
  return ids;
}

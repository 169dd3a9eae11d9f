// Makes right what other tools need of a layer's directory and what follows from the records: links and lower lists.

import { readlink, rename, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFilesystem } from '../../sys/sync-filesystem.ts';
import { linkNamesOf, readLinkName } from '../layer-dir.ts';
import type { LayerRecord } from '../layer-records.ts';
import type { OpenRecords } from '../record-file.ts';
import type { StorePaths } from '../store-paths.ts';
import type { StoreState } from '../store-state.ts';

/** Call it with layers.lock held for writing, so that nobody makes the same link. */
export async function mendLayers(
  store: StoreState,
  layers: OpenRecords<LayerRecord>,
  layerIds: readonly string[],
): Promise<void> {
  for (const layerId of new Set(layerIds)) {
    if (layers.get(layerId) === undefined) continue;
    const home = store.homeOf(layerId);
    await dropForeignLink(home, layerId);
    await linkNamesOf(store, [layerId]); // writes what is missing
    const chain = store.forest.chain(layerId);
    if (chain === undefined || chain.length < 2) continue;
    const names = await linkNamesOf(
      store,
      chain.slice(1).map(({ id }) => id),
    );
    const path = join(home.layer(layerId), 'lower');
    await writeFile(`${path}.tmp`, names.map((name) => `l/${name}`).join(':'), { mode: 0o644 });
    await rename(`${path}.tmp`, path);
  }
  await syncFilesystem(store.imagePaths.overlay);
}

/** A link of the layer's name that leads elsewhere is worse than none. */
async function dropForeignLink(home: StorePaths, layerId: string): Promise<void> {
  const name = await readLinkName(home, layerId);
  if (name === undefined) return;
  const path = join(home.links, name);
  const target = await readlink(path).catch(() => undefined);
  if (target === `../${layerId}/diff`) return;
  await unlink(path).catch(() => {});
  await symlink(`../${layerId}/diff`, path);
}

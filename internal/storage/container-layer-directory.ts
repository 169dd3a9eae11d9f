// The layer of a container that is to be: its record, and its directory on the disk.

import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import { type ContainerRecord, imageOf, layerRecordOf, newContainerRecord } from './container-record.ts';
import { furnishLayerDir, inheritRoot, newLinkName, putLink } from './layer-dir.ts';
import type { LayerRecord } from './layer-records.ts';
import { retireUnlisted } from './retire-layers.ts';
import type { NewContainerLayer } from './store.ts';
import type { StoreState } from './store-state.ts';

/** A record with a new layer on the image; nothing is made or entered yet. `not-found` for an image that no store has. */
export function newRecord({ images, additional }: StoreState, container: NewContainerLayer): ContainerRecord {
  const { imageId } = container;
  const lists = [images, ...additional.map((store) => store.images)];
  const image = lists.map((list) => list.get(imageId)).find((found) => found !== undefined);
  if (image === undefined) {
    throw new DaemonError('not-found', `image "${imageId}" is not in the store; pull it again`);
  }
  return newContainerRecord(container, randomBytes(32).toString('hex'), image.layer || undefined);
}

/** Makes everything of the record's layer on disk; nothing of it stays when that fails. */
export async function makeLayerDirectory(store: StoreState, record: ContainerRecord): Promise<LayerRecord> {
  const { paths, forest } = store;
  const layer = layerRecordOf(record);
  if (layer === undefined) throw new Error(`record of container "${record.id}" is not whole`);
  const chain = layer.parent === undefined ? [] : forest.chain(layer.parent);
  if (chain === undefined) throw lostLayer(imageOf(record) ?? '');
  try {
    const directory = paths.layer(layer.id);
    const linkName = newLinkName();
    await mkdir(directory, { mode: 0o700 }); // one by one: on a full disk, recursive says ENOENT
    await mkdir(join(directory, 'diff'), { mode: 0o700 });
    await inheritRoot(store, join(directory, 'diff'), layer);
    const ancestorIds = chain.map(({ id }) => id);
    await furnishLayerDir(store, { directory, linkName, ancestorIds });
    await putLink(paths, layer.id, linkName);
    return layer;
  } catch (cause) {
    await (await retireUnlisted(store, layer.id)).remove();
    throw isENOENT(cause) ? lostLayer(imageOf(record) ?? '', cause) : cause;
  }
}

function lostLayer(imageId: string, cause?: unknown): DaemonError {
  const what = `image "${imageId}" has lost a layer; remove it and pull it again`;
  return new DaemonError('failed-precondition', what, cause);
}

// Containers: a read-write layer on an image, a record that keeps other tools from deleting it, and its mount.

import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import { detachMount } from '../fs/detach-mount.ts';
import { removeTree } from '../fs/directories.ts';
import { furnishLayerDir, inheritRootMode, newLinkName, putLink } from './layer-dir.ts';
import { type LayerRecord, ownFlag } from './layer-records.ts';
import { mountOverlay } from './overlay-mount.ts';
import type { OpenRecords, RecordPlace, StoreRecord } from './record-file.ts';
import { retireContainerLayer, retireLayers } from './retire-layers.ts';
import type { ContainerLayers, NewContainerLayer } from './store.ts';
import { isStoreId } from './store-paths.ts';
import type { StoreState } from './store-state.ts';

/** One element of containers.json; fields that are not here are kept as they are. */
export interface ContainerRecord extends StoreRecord {
  image?: string;
  layer?: string;
  metadata?: string;
  created?: string;
  flags?: Record<string, unknown> | null;
}

/**
 * Podman before 4.4 does not know the volatile files: it would delete an image under our running containers. The price
 * is a sync of each of two small files.
 */
const recordPlace: RecordPlace = 'stable';

export class OverlayContainerLayers implements ContainerLayers {
  readonly #store: StoreState;

  constructor(store: StoreState) {
    this.#store = store;
  }

  async create(container: NewContainerLayer): Promise<void> {
    const { containerId, imageId } = container;
    if (!isStoreId(containerId)) {
      throw new DaemonError('invalid-argument', `"${containerId}" is not a container id`);
    }
    const { layers, images, containers } = this.#store;
    await layers.locked('write', (openLayers) =>
      images.locked('read', (openImages) =>
        containers.locked('write', async (records) => {
          if (records.get(containerId) !== undefined) {
            throw new DaemonError('already-exists', `container "${containerId}" has a layer already`);
          }
          const image = openImages.get(imageId);
          if (image === undefined) {
            throw new DaemonError('not-found', `image "${imageId}" is not in the store; pull it again`);
          }
          const layerId = randomBytes(32).toString('hex');
          await this.#makeLayer(openLayers, container, layerId, image.layer || undefined);
          try {
            records.put(recordPlace, newRecord(container, layerId));
            await records.save();
          } catch (cause) {
            await (await retireLayers(this.#store, openLayers, [layerId])).remove();
            throw cause;
          }
        }),
      ),
    );
  }

  async mount(containerId: string, target: string): Promise<void> {
    const { containers, forest, paths } = this.#store;
    const layerId = containers.get(containerId)?.layer;
    const chain = layerId === undefined ? undefined : forest.chain(layerId);
    const [top, ...below] = chain ?? [];
    if (top === undefined) {
      throw new DaemonError('not-found', `container "${containerId}" has no complete layer in the store`);
    }
    await mountOverlay(
      paths,
      top.id,
      below.map((layer) => layer.id),
      target,
    );
  }

  async unmount(target: string): Promise<void> {
    // Lazily: a process that still has a file open in it must not keep the container from being removed.
    await detachMount(target);
  }

  async remove(containerId: string): Promise<void> {
    const { layers, containers, paths } = this.#store;
    const grave = await layers.locked('write', (openLayers) =>
      containers.locked('write', async (records) => {
        const record = records.get(containerId);
        if (record === undefined) return undefined;
        records.delete(containerId);
        await records.save();
        const { layer } = record;
        const hasLayer = layer !== undefined && openLayers.get(layer) !== undefined;
        return hasLayer ? retireContainerLayer(this.#store, openLayers, layer) : undefined;
      }),
    );
    try {
      await removeTree(join(paths.containers, containerId));
    } finally {
      await grave?.remove();
    }
  }

  async listOwn(): Promise<readonly string[]> {
    return this.#store.containers
      .all()
      .filter((record) => record.flags?.[ownFlag] === true)
      .map((record) => record.id);
  }

  rootPath(containerId: string): string | undefined {
    const layerId = this.#store.containers.get(containerId)?.layer;
    return layerId === undefined ? undefined : join(this.#store.paths.layer(layerId), 'merged');
  }

  writableLayer(containerId: string): { readonly path: string; readonly mountpoint: string } | undefined {
    const { paths, containers } = this.#store;
    const layerId = containers.get(containerId)?.layer;
    if (layerId === undefined) return undefined;
    return { path: join(paths.layer(layerId), 'diff'), mountpoint: paths.graphRoot };
  }

  /**
   * Makes the directory first and the record when it is whole: one write of layers.json instead of two. A crash before
   * the write leaves a directory without a record, one after it a layer that no container has: the garbage collection
   * deletes both.
   */
  async #makeLayer(
    layers: OpenRecords<LayerRecord>,
    container: NewContainerLayer,
    layerId: string,
    parentId: string | undefined,
  ): Promise<void> {
    const { paths, forest } = this.#store;
    const chain = parentId === undefined ? [] : forest.chain(parentId);
    if (chain === undefined) throw lostLayer(container.imageId);
    const record: LayerRecord = {
      id: layerId,
      names: container.names.map((name) => `${name}-layer`),
      ...(parentId === undefined ? {} : { parent: parentId }),
      created: new Date().toISOString(),
      flags: { [ownFlag]: true },
    };
    try {
      const directory = paths.layer(layerId);
      const linkName = newLinkName();
      await mkdir(join(directory, 'diff'), { recursive: true, mode: 0o700 });
      const ancestorIds = chain.map((layer) => layer.id);
      await inheritRootMode(paths, join(directory, 'diff'), parentId);
      await furnishLayerDir(paths, { directory, linkName, ancestorIds, durable: false });
      await putLink(paths, layerId, linkName);
      layers.put(recordPlace, record);
      await layers.save();
    } catch (cause) {
      await (await retireLayers(this.#store, layers, [layerId])).remove();
      throw isENOENT(cause) ? lostLayer(container.imageId, cause) : cause;
    }
  }
}

function lostLayer(imageId: string, cause?: unknown): DaemonError {
  const what = `image "${imageId}" has lost a layer; remove it and pull it again`;
  return new DaemonError('failed-precondition', what, cause);
}

function newRecord(container: NewContainerLayer, layerId: string): ContainerRecord {
  return {
    id: container.containerId,
    names: [...container.names],
    image: container.imageId,
    layer: layerId,
    metadata: JSON.stringify(container.metadata),
    created: new Date().toISOString(),
    // Volatile, as CRI-O's: a node's reboot ends every container, so none of its files is worth a sync.
    flags: { MountLabel: '', ProcessLabel: '', Volatile: true, [ownFlag]: true },
  };
}

// Containers: a read-write layer on an image, a record that keeps other tools from deleting it, and its mount.

import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { detachMount } from '../fs/detach-mount.ts';
import { removeTree } from '../fs/directories.ts';
import { diskFull } from '../fs/disk-full.ts';
import type { IdRanges } from '../sys/id-maps.ts';
import { makeLayerDirectory, newRecord } from './container-layer-directory.ts';
import { type ContainerRecord, guardIdOf, guardOf, isOwn, layerRecordOf } from './container-record.ts';
import { idsInUse } from './ids-in-use.ts';
import type { LayerRecord } from './layer-records.ts';
import { mountOverlay } from './overlay-mount.ts';
import { probeIdMaps } from './probe-id-maps.ts';
import type { OpenRecords } from './record-file.ts';
import { type Grave, retireContainerLayer, retireUnlisted } from './retire-layers.ts';
import type { ContainerLayers, NewContainerLayer } from './store.ts';
import { isStoreId } from './store-paths.ts';
import type { StoreState } from './store-state.ts';
import type { UnlistedContainers } from './unlisted-containers.ts';

/**
 * Older tools hold two of the locks while they unpack a layer, for minutes. A pod does not wait for that: its container
 * is entered in the lists later.
 */
const patienceMs = 300;

export class OverlayContainerLayers implements ContainerLayers {
  readonly #store: StoreState;
  readonly #unlisted: UnlistedContainers;

  constructor(store: StoreState, unlisted: UnlistedContainers) {
    this.#store = store;
    this.#unlisted = unlisted;
  }

  get root(): string {
    return this.#store.paths.graphRoot;
  }

  async create(container: NewContainerLayer): Promise<void> {
    const { containerId } = container;
    if (!isStoreId(containerId)) {
      throw new DaemonError('invalid-argument', `"${containerId}" is not a container id`);
    }
    if (this.#recordOf(containerId) !== undefined) throw hasLayer(containerId);
    const { layers, images, containers, paths } = this.#store;
    try {
      const listed = await layers.lockedWithin('write', patienceMs, (openLayers) =>
        images.locked('read', () =>
          containers.lockedWithin('write', patienceMs, (records) =>
            this.#createListed(openLayers, records, container),
          ),
        ),
      );
      if (listed?.value === undefined) await this.#createUnlisted(container);
    } catch (cause) {
      throw await diskFull(cause, paths.graphRoot, `layer of container "${containerId}"`);
    }
  }

  async mount(containerId: string, target: string, userNamespacePath?: string, label = ''): Promise<void> {
    const layer = this.#layerOf(containerId);
    const chain = layer?.parent === undefined ? [] : this.#store.forest.chain(layer.parent);
    if (layer === undefined || chain === undefined) {
      throw new DaemonError('not-found', `container "${containerId}" has no complete layer in the store`);
    }
    const lowerIds = chain.map(({ id }) => id);
    await mountOverlay(this.#store, layer.id, lowerIds, { target, userNamespacePath, label });
  }

  async probeIdMaps(userNamespacePath: string): Promise<void> {
    await probeIdMaps(this.#store, userNamespacePath);
  }

  async unmount(target: string): Promise<void> {
    // Lazily: a process that still has a file open in it must not keep the container from being removed.
    await detachMount(target);
  }

  async remove(containerId: string): Promise<void> {
    try {
      await this.#remove(containerId);
    } catch (cause) {
      throw await diskFull(cause, this.#store.paths.graphRoot, `the removal of container "${containerId}"`);
    }
  }

  async #remove(containerId: string): Promise<void> {
    const unlisted = this.#unlisted.drop(containerId);
    if (unlisted?.layer !== undefined) {
      await (await retireUnlisted(this.#store, unlisted.layer)).remove();
      return;
    }
    const { layers, containers } = this.#store;
    const isListed = (): boolean =>
      [containerId, guardIdOf(containerId)].some((id) => containers.get(id) !== undefined);
    if (!isListed()) await containers.refresh();
    if (!isListed()) return;
    const removed = await layers.lockedWithin('write', patienceMs, (openLayers) =>
      containers.lockedWithin('write', patienceMs, (records) =>
        this.#removeListed(openLayers, records, containerId),
      ),
    );
    if (removed?.value !== undefined) return this.#bury(containerId, removed.value.value.grave);
    await this.#unlisted.noteRemoval(containerId);
    this.#unlisted.later(() => this.#removeWaiting(containerId));
  }

  async listOwn(): Promise<readonly string[]> {
    const listed = this.#store.containers.all().filter(isOwn);
    return [...listed, ...this.#unlisted.all()].map((record) => record.id);
  }

  async idsInUse(): Promise<IdRanges> {
    return idsInUse(this.#store, this.#unlisted);
  }

  rootPath(containerId: string): string | undefined {
    const layerId = this.#recordOf(containerId)?.layer;
    return layerId === undefined ? undefined : join(this.#store.paths.layer(layerId), 'merged');
  }

  writableLayer(containerId: string): { readonly path: string; readonly mountpoint: string } | undefined {
    const layerId = this.#recordOf(containerId)?.layer;
    if (layerId === undefined) return undefined;
    const { paths } = this.#store;
    return { path: paths.diff(layerId), mountpoint: paths.graphRoot };
  }

  #recordOf(containerId: string): ContainerRecord | undefined {
    return this.#store.containers.get(containerId) ?? this.#unlisted.get(containerId);
  }

  #layerOf(containerId: string): LayerRecord | undefined {
    const record = this.#recordOf(containerId);
    if (record?.layer === undefined) return undefined;
    return this.#store.layers.get(record.layer) ?? layerRecordOf(record);
  }

  async #createListed(
    layers: OpenRecords<LayerRecord>,
    records: OpenRecords<ContainerRecord>,
    container: NewContainerLayer,
  ): Promise<true> {
    if (records.get(container.containerId) !== undefined) throw hasLayer(container.containerId);
    const place = this.#store.containerPlace;
    const record = newRecord(this.#store, container);
    const layer = await makeLayerDirectory(this.#store, record);
    try {
      // The layer's record when its directory is whole: one write instead of two. A crash before it leaves a directory
      // without a record, one after it a layer that no container has: the garbage collection deletes both.
      layers.put(place, layer);
      await layers.save();
      records.put(place, record);
      records.put(place, guardOf(record));
      await records.save();
      return true;
    } catch (cause) {
      // The files first: on a full disk nothing can be recorded before there is room.
      await (await retireUnlisted(this.#store, layer.id)).remove();
      await (await retireContainerLayer(this.#store, layers, layer.id)).remove();
      throw cause;
    }
  }

  async #createUnlisted(container: NewContainerLayer): Promise<void> {
    await this.#store.images.refresh();
    const record = newRecord(this.#store, container);
    const layer = await makeLayerDirectory(this.#store, record);
    try {
      await this.#unlisted.add(record);
    } catch (cause) {
      await (await retireUnlisted(this.#store, layer.id)).remove();
      throw cause;
    }
  }

  async #removeListed(
    layers: OpenRecords<LayerRecord>,
    records: OpenRecords<ContainerRecord>,
    containerId: string,
  ): Promise<{ readonly grave: Grave | undefined }> {
    const layer = records.get(containerId)?.layer;
    for (const id of [containerId, guardIdOf(containerId)])
      if (records.get(id) !== undefined) records.delete(id);
    await records.save();
    const hasLayer = layer !== undefined && layers.get(layer) !== undefined;
    return { grave: hasLayer ? await retireContainerLayer(this.#store, layers, layer) : undefined };
  }

  async #removeWaiting(containerId: string): Promise<void> {
    const { layers, containers } = this.#store;
    const { grave } = await layers.locked('write', (openLayers) =>
      containers.locked('write', (records) => this.#removeListed(openLayers, records, containerId)),
    );
    await this.#bury(containerId, grave);
  }

  async #bury(containerId: string, grave: Grave | undefined): Promise<void> {
    try {
      await removeTree(join(this.#store.paths.containers, containerId));
    } finally {
      await grave?.remove();
    }
    for (const reserve of this.#store.reserves) await reserve.fill(); // before others take what was freed
  }
}

function hasLayer(containerId: string): DaemonError {
  return new DaemonError('already-exists', `container "${containerId}" has a layer already`);
}

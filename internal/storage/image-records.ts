// images.json: what images the store has.

import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { syncDirectory } from '../fs/atomic-write.ts';
import { removeTree } from '../fs/directories.ts';
import { diskFull } from '../fs/disk-full.ts';
import { guardedBy, imageOf } from './container-record.ts';
import {
  type ImageFiles,
  readConfig,
  readManifest,
  readSignatures,
  writeDocuments,
} from './image-documents.ts';
import { ImageListing } from './image-listing.ts';
import {
  documentSize,
  documentsOf,
  type ImageRecord,
  newRecord,
  withDocuments,
  withNames,
} from './image-record.ts';
import { signatureDocuments, withSignatureSizes } from './image-signatures.ts';
import { toStoredLayer } from './layer-records.ts';
import { type Grave, retireLayers } from './retire-layers.ts';
import type {
  ContainerUse,
  FilesystemUsage,
  ImageLayer,
  ImageRecords,
  NewImage,
  StoredImage,
  StoredSignatures,
} from './store.ts';
import { isStoreId } from './store-paths.ts';
import { refreshLists, type StoreState } from './store-state.ts';
import { InodeCounter } from './store-usage.ts';
import type { UnlistedContainers } from './unlisted-containers.ts';
import { unusedLayers } from './used-layers.ts';

export class OverlayImageRecords implements ImageRecords {
  readonly #store: StoreState;
  readonly #inodes: InodeCounter;
  readonly #unlisted: UnlistedContainers;
  readonly #listing: ImageListing;

  constructor(store: StoreState, unlisted: UnlistedContainers) {
    this.#store = store;
    this.#unlisted = unlisted;
    this.#inodes = new InodeCounter(store);
    this.#listing = new ImageListing(store);
  }

  list(): readonly StoredImage[] {
    return this.#listing.all();
  }

  get(imageId: string): StoredImage | undefined {
    return this.#listing.get(imageId);
  }

  async refresh(): Promise<void> {
    await refreshLists(this.#store);
  }

  async readConfig(imageId: string): Promise<Uint8Array> {
    return readConfig(this.#require(imageId));
  }

  async readManifest(imageId: string): Promise<Uint8Array> {
    return readManifest(this.#require(imageId));
  }

  layersOf(imageId: string): readonly ImageLayer[] {
    const top = this.#require(imageId).record.layer;
    const chain = top ? this.#store.forest.chain(top) : [];
    return (chain ?? []).toReversed().map((record) => ({
      ...toStoredLayer(record),
      blobDigest: record['compressed-diff-digest'],
      blobSizeBytes: record['compressed-size'],
    }));
  }

  usersOf(imageId: string): readonly ContainerUse[] {
    return this.#store.containers
      .all()
      .filter((container) => guardedBy(container) === undefined && imageOf(container) === imageId)
      .map(({ id, names }) => ({ containerId: id, names: names ?? [] }));
  }

  async readSignatures(imageId: string): Promise<readonly StoredSignatures[]> {
    return readSignatures(this.#require(imageId));
  }

  async create(image: NewImage): Promise<StoredImage> {
    if (!isStoreId(image.id)) throw new DaemonError('invalid-argument', `"${image.id}" is not an image id`);
    try {
      return await this.#create(image);
    } catch (cause) {
      throw await diskFull(cause, this.#store.imagePaths.graphRoot, `image "${image.id}"`);
    }
  }

  async #create(image: NewImage): Promise<StoredImage> {
    const { layers, images, imagePaths, sync, forest, broken } = this.#store;
    await sync.reach(sync.mark());
    return layers.locked('read', async () => {
      if (image.topLayerId !== undefined && forest.chain(image.topLayerId) === undefined) {
        throw new DaemonError(
          'failed-precondition',
          `layer "${image.topLayerId}" of image "${image.id}" is not in the store; pull the image again`,
        );
      }
      return images.locked('write', async (records) => {
        const before = records.get(image.id);
        const directory = join(imagePaths.images, image.id);
        const documents = documentsOf(image);
        const isBroken = broken.images.has(image.id);
        if (before === undefined || isBroken || before.digest !== image.manifestDigest) {
          await writeDocuments(directory, documents);
        }
        const signatures = signatureDocuments(image.manifestDigest, image.signatures);
        await writeDocuments(directory, signatures);
        const fresh = newRecord(image);
        const isWhole = before?.layer ? forest.chain(before.layer) !== undefined : true;
        const kept = before === undefined || isWhole ? before : { ...before, layer: fresh.layer ?? '' };
        const all = new Map([...documents, ...signatures]);
        const record = withDocuments(kept ?? fresh, image.manifestDigest, all);
        const signed = withSignatureSizes(record, image.manifestDigest, image.signatures);
        records.put('stable', withNames(signed, image.names));
        await records.save();
        await syncDirectory(imagePaths.images); // what is told to be pulled is there after a power loss
        broken.mendedImage(image.id);
        return this.#stored(image.id);
      });
    });
  }

  async addNames(imageId: string, names: readonly string[]): Promise<StoredImage> {
    return this.#store.images.locked('write', async (records) => {
      const record = records.get(imageId);
      if (record === undefined) throw notFound(imageId);
      records.put('stable', withNames(record, names));
      await records.save();
      return this.#stored(imageId);
    });
  }

  async remove(imageId: string): Promise<void> {
    const { layers, images, containers, imagePaths } = this.#store;
    let grave: Grave | undefined;
    try {
      await layers.locked('write', async (openLayers) => {
        await images.locked('write', async (records) => {
          await containers.locked('read', async (openContainers) => {
            const record = records.get(imageId);
            if (record === undefined) return;
            const users = [...openContainers.all(), ...this.#unlisted.all()];
            const user = users.find((container) => imageOf(container) === imageId);
            if (user !== undefined) throw inUse(imageId, guardedBy(user) ?? user.id);
            const candidates = this.#layersOf(record);
            records.delete(imageId);
            await records.save();
            await removeTree(join(imagePaths.images, imageId));
            const doomed = unusedLayers(this.#store, candidates);
            if (doomed.length > 0) grave = await retireLayers(this.#store, openLayers, doomed);
          });
        });
      });
    } finally {
      await grave?.remove();
    }
  }

  async usage(): Promise<FilesystemUsage> {
    const { layers, imagePaths } = this.#store;
    const layerBytes = layers.all().reduce((sum, layer) => sum + Math.max(0, layer['diff-size'] ?? 0), 0);
    const documentBytes = this.#store.images.all().reduce((sum, image) => sum + documentSize(image), 0);
    return {
      mountpoint: imagePaths.graphRoot,
      usedBytes: layerBytes + documentBytes,
      inodesUsed: await this.#inodes.count(),
      timestampNanos: BigInt(Date.now()) * 1_000_000n,
    };
  }

  /** Ours before that of an additional store. */
  #require(imageId: string): ImageFiles {
    const { images, imagePaths, additional } = this.#store;
    for (const store of [{ images, paths: imagePaths }, ...additional]) {
      const record = store.images.get(imageId);
      if (record !== undefined) return { record, paths: store.paths };
    }
    throw notFound(imageId);
  }

  #stored(imageId: string): StoredImage {
    const image = this.get(imageId);
    if (image === undefined) throw notFound(imageId);
    return image;
  }

  #layersOf(record: ImageRecord): Set<string> {
    const tops = [record.layer, ...(record['mapped-layers'] ?? [])].filter(
      (id) => id !== undefined && id !== '',
    );
    const chains = tops.flatMap((top) => this.#store.forest.chain(top as string) ?? []);
    return new Set(chains.map((layer) => layer.id));
  }
}

function notFound(imageId: string): DaemonError {
  return new DaemonError('not-found', `image "${imageId}" is not in the store`);
}

function inUse(imageId: string, containerId: string): DaemonError {
  return new DaemonError(
    'failed-precondition',
    `image "${imageId}" is in use by container "${containerId}"; remove the container first`,
  );
}

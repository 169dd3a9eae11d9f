// images.json: what images the store has.

import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import { syncDirectory } from '../fs/atomic-write.ts';
import { removeTree } from '../fs/directories.ts';
import { guardedBy, imageOf } from './container-record.ts';
import { diskFull } from './disk-full.ts';
import {
  documentSize,
  documentsOf,
  type ImageRecord,
  newRecord,
  withDocuments,
  withNames,
} from './image-record.ts';
import { cutSignatures, signatureDocuments, signatureFiles, withSignatureSizes } from './image-signatures.ts';
import { type LayerForest, toStoredLayer } from './layer-records.ts';
import { type Grave, retireLayers } from './retire-layers.ts';
import type {
  ContainerUse,
  Digest,
  FilesystemUsage,
  ImageLayer,
  ImageRecords,
  NewImage,
  StoredImage,
  StoredSignatures,
} from './store.ts';
import { bigDataFileName, isStoreId, type StorePaths } from './store-paths.ts';
import { refreshLists, type StoreState } from './store-state.ts';
import { InodeCounter } from './store-usage.ts';
import type { UnlistedContainers } from './unlisted-containers.ts';
import { unusedLayers } from './used-layers.ts';

/** The images as others see them, made once per change of the lists. */
interface Listing {
  readonly key: string;
  readonly images: readonly StoredImage[];
  readonly byId: ReadonlyMap<string, StoredImage>;
}

const maxDocumentBytes = 4 * 1024 * 1024;

export class OverlayImageRecords implements ImageRecords {
  readonly #store: StoreState;
  readonly #inodes: InodeCounter;
  readonly #unlisted: UnlistedContainers;
  #listing: Listing | undefined;

  constructor(store: StoreState, unlisted: UnlistedContainers) {
    this.#store = store;
    this.#unlisted = unlisted;
    this.#inodes = new InodeCounter(store);
  }

  list(): readonly StoredImage[] {
    return this.#current().images;
  }

  get(imageId: string): StoredImage | undefined {
    return this.#current().byId.get(imageId);
  }

  async refresh(): Promise<void> {
    await refreshLists(this.#store);
  }

  async readConfig(imageId: string): Promise<Uint8Array> {
    const record = this.#require(imageId);
    const key = `sha256:${imageId}`;
    if (record['big-data-names']?.includes(key) === true) return this.#read(imageId, key);
    // An image pulled in parts (zstd:chunked) has another id: its manifest knows the config.
    const manifest: unknown = JSON.parse(Buffer.from(await this.readManifest(imageId)).toString());
    const digest = (manifest as { config?: { digest?: unknown } }).config?.digest;
    if (typeof digest !== 'string') {
      throw new DaemonError(
        'failed-precondition',
        `image "${imageId}" has no config; it is of an old format`,
      );
    }
    return this.#read(imageId, digest);
  }

  async readManifest(imageId: string): Promise<Uint8Array> {
    const record = this.#require(imageId);
    const names = record['big-data-names'] ?? [];
    const key = names.includes('manifest') ? 'manifest' : names.find((name) => name.startsWith('manifest-'));
    if (key === undefined) {
      throw new DaemonError('failed-precondition', `image "${imageId}" was stored without its manifest`);
    }
    return this.#read(imageId, key);
  }

  layersOf(imageId: string): readonly ImageLayer[] {
    const top = this.#require(imageId).layer;
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
    const found: StoredSignatures[] = [];
    for (const { manifestDigest, key, sizes } of signatureFiles(this.#require(imageId))) {
      const signatures = cutSignatures(await this.#read(imageId, key), sizes);
      if (signatures === undefined) {
        const text = `image "${imageId}" has damaged signatures; remove it and pull it again`;
        throw new DaemonError('failed-precondition', text);
      }
      found.push({ manifestDigest, signatures });
    }
    return found;
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
    const { layers, images, sync, forest, broken } = this.#store;
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
        const documents = documentsOf(image);
        const isBroken = broken.images.has(image.id);
        if (before === undefined || isBroken || before.digest !== image.manifestDigest) {
          await this.#writeDocuments(image.id, documents);
        }
        const signatures = signatureDocuments(image.manifestDigest, image.signatures);
        await this.#writeDocuments(image.id, signatures);
        const fresh = newRecord(image);
        const isWhole = before?.layer ? forest.chain(before.layer) !== undefined : true;
        const kept = before === undefined || isWhole ? before : { ...before, layer: fresh.layer ?? '' };
        const all = new Map([...documents, ...signatures]);
        const record = withDocuments(kept ?? fresh, image.manifestDigest, all);
        const signed = withSignatureSizes(record, image.manifestDigest, image.signatures);
        records.put('stable', withNames(signed, image.names));
        await records.save();
        await syncDirectory(this.#store.imagePaths.images); // what is told to be pulled is there after a power loss
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

  #require(imageId: string): ImageRecord {
    const found = this.#homeOf(imageId);
    if (found === undefined) throw notFound(imageId);
    return found.record;
  }

  /** The record and the store that has it: ours before an additional one. */
  #homeOf(imageId: string): { record: ImageRecord; paths: StorePaths } | undefined {
    const { images, imagePaths, additional } = this.#store;
    const own = images.get(imageId);
    if (own !== undefined) return { record: own, paths: imagePaths };
    for (const store of additional) {
      const record = store.images.get(imageId);
      if (record !== undefined) return { record, paths: store.paths };
    }
    return undefined;
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

  async #read(imageId: string, key: string): Promise<Uint8Array> {
    const { paths } = this.#homeOf(imageId) ?? { paths: this.#store.imagePaths };
    const path = paths.imageData(imageId, key);
    try {
      const data = await readFile(path);
      if (data.length <= maxDocumentBytes) return data;
    } catch (cause) {
      if (!isENOENT(cause)) throw cause;
      throw new DaemonError(
        'failed-precondition',
        `image "${imageId}" has lost its ${key}; remove it and pull it again`,
        cause,
      );
    }
    throw new DaemonError('failed-precondition', `image "${imageId}" has a ${key} of more than 4 MiB`);
  }

  async #writeDocuments(imageId: string, documents: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const directory = join(this.#store.imagePaths.images, imageId);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const [key, data] of documents) {
      const path = join(directory, bigDataFileName(key));
      const temporary = join(directory, `.tmp-${bigDataFileName(key)}`);
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.writeFile(data);
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    }
  }

  #current(): Listing {
    const { images, forest, additional, broken } = this.#store;
    const lists = [images, ...additional.map((store) => store.images)];
    const key = [forest.generation, ...lists.map((list) => list.generation)].join(' ');
    if (this.#listing?.key === key) return this.#listing;
    const byId = new Map<string, StoredImage>();
    for (const list of lists) {
      for (const record of list.all()) {
        const isKnown = byId.has(record.id) || (list === images && broken.images.has(record.id));
        const image = isKnown ? undefined : listedImage(record, forest, list !== images);
        if (image !== undefined) byId.set(image.id, image);
      }
    }
    this.#listing = { key, images: [...byId.values()], byId };
    return this.#listing;
  }
}

/** Undefined when a layer is gone, as by a power loss. Not listed, it is pulled again, which makes it whole. */
function listedImage(record: ImageRecord, forest: LayerForest, readOnly: boolean): StoredImage | undefined {
  const chain = record.layer ? forest.chain(record.layer) : [];
  if (chain === undefined) return undefined;
  const layerBytes = chain.reduce((sum, layer) => sum + Math.max(0, layer['diff-size'] ?? 0), 0);
  const createdAt = new Date(record.created ?? 0);
  return {
    id: record.id,
    manifestDigest: digestOf(record.digest),
    names: record.names ?? [],
    topLayerId: record.layer || undefined,
    createdAt: Number.isNaN(createdAt.getTime()) ? new Date(0) : createdAt,
    sizeBytes: Math.max(1, layerBytes + documentSize(record)),
    readOnly,
  };
}

function digestOf(text: string | undefined): Digest | undefined {
  return text !== undefined && /^sha256:[0-9a-f]{64}$/.test(text) ? (text as Digest) : undefined;
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

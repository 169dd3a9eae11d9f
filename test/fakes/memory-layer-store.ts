// A layer store in memory: the promises of LayerStore and ImageRecords without unpacking. Checks digests and sizes as
// the real one does, and shows what is left over.

import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import type {
  ContainerUse,
  Digest,
  FilesystemUsage,
  ImageLayer,
  ImageRecords,
  LayerSource,
  LayerStore,
  NewImage,
  StagedLayer,
  StoredImage,
  StoredLayer,
  StoredSignatures,
  UnpackLimits,
} from '../../internal/storage/store.ts';

interface KeptImage extends StoredImage {
  readonly config: Uint8Array;
  readonly manifest: Uint8Array;
  readonly signatures: readonly StoredSignatures[];
}

export class MemoryLayerStore implements LayerStore, ImageRecords {
  readonly layers = new Map<string, StoredLayer>();
  readonly staged = new Set<StagedLayer>();
  readonly images = new Map<string, KeptImage>();
  /** Image id to the container that uses it. */
  readonly inUse = new Map<string, string>();
  /** How often a layer was unpacked. */
  stagings = 0;
  mostStagingsAtOnce = 0;
  #stagingNow = 0;
  /** Runs before the step of this name; throw to make it fail. */
  before: (step: 'stage' | 'commit' | 'create') => void | Promise<void> = () => {};

  findLayer(parentId: string | undefined, diffId: Digest): StoredLayer | undefined {
    return this.layers.get(layerId(parentId, diffId));
  }

  async stageLayer(source: LayerSource, _limits: UnpackLimits, signal: AbortSignal): Promise<StagedLayer> {
    this.stagings += 1;
    this.#stagingNow += 1;
    this.mostStagingsAtOnce = Math.max(this.mostStagingsAtOnce, this.#stagingNow);
    try {
      await this.before('stage');
      const chunks: Uint8Array[] = [];
      for await (const chunk of source.blob) {
        signal.throwIfAborted();
        chunks.push(Buffer.from(chunk));
      }
      const blob = Buffer.concat(chunks);
      const tar = blob[0] === 0x1f ? gunzipSync(blob) : blob;
      const blobDigest = digestOf(blob);
      if (source.blobDigest !== undefined && source.blobDigest !== blobDigest) throw refused('blob digest');
      if (source.blobSizeBytes !== undefined && source.blobSizeBytes !== blob.length)
        throw refused('blob size');
      if (digestOf(tar) !== source.diffId) throw refused('diff id');
      const staged = {
        diffId: source.diffId,
        diffSizeBytes: tar.length,
        blobDigest,
        blobSizeBytes: blob.length,
      };
      this.staged.add(staged);
      return staged;
    } finally {
      this.#stagingNow -= 1;
    }
  }

  async commitLayers(staged: readonly StagedLayer[], parentId: string | undefined): Promise<StoredLayer[]> {
    await this.before('commit');
    if (parentId !== undefined && !this.layers.has(parentId)) throw refused('parent');
    const stored: StoredLayer[] = [];
    for (const each of staged) {
      if (!this.staged.delete(each)) throw refused('staged layer');
      const { diffId, diffSizeBytes } = each;
      const below = stored.at(-1)?.id ?? parentId;
      const layer = { id: layerId(below, diffId), parentId: below, diffId, diffSizeBytes };
      this.layers.set(layer.id, layer);
      stored.push(layer);
    }
    return stored;
  }

  async discardStaged(staged: StagedLayer): Promise<void> {
    this.staged.delete(staged);
  }

  readLayer(id: string): AsyncIterable<Uint8Array> {
    throw refused(`content of layer ${id}, which this store does not keep`);
  }

  async removeUnusedLayers(layerIds: readonly string[]): Promise<void> {
    for (const id of layerIds) {
      const hasChild = [...this.layers.values()].some((layer) => layer.parentId === id);
      const isTop = [...this.images.values()].some((image) => image.topLayerId === id);
      if (!hasChild && !isTop) this.layers.delete(id);
    }
  }

  list(): readonly StoredImage[] {
    return [...this.images.values()];
  }

  get(imageId: string): StoredImage | undefined {
    return this.images.get(imageId);
  }

  async refresh(): Promise<void> {}

  async readConfig(imageId: string): Promise<Uint8Array> {
    return this.#require(imageId).config;
  }

  async readManifest(imageId: string): Promise<Uint8Array> {
    return this.#require(imageId).manifest;
  }

  layersOf(imageId: string): readonly ImageLayer[] {
    const chain: ImageLayer[] = [];
    for (let id = this.#require(imageId).topLayerId; id !== undefined; ) {
      const layer = this.layers.get(id);
      if (layer === undefined) break;
      chain.unshift({ ...layer, blobDigest: undefined, blobSizeBytes: undefined });
      id = layer.parentId;
    }
    return chain;
  }

  usersOf(imageId: string): readonly ContainerUse[] {
    const containerId = this.inUse.get(imageId);
    return containerId === undefined ? [] : [{ containerId, names: [] }];
  }

  async readSignatures(imageId: string): Promise<readonly StoredSignatures[]> {
    return this.#require(imageId).signatures;
  }

  async create(image: NewImage): Promise<StoredImage> {
    await this.before('create');
    if (image.topLayerId !== undefined && !this.layers.has(image.topLayerId)) throw refused('top layer');
    if (!this.images.has(image.id)) {
      const { id, manifestDigest, topLayerId, createdAt, config, manifest } = image;
      const record = { id, manifestDigest, names: [], topLayerId, createdAt, sizeBytes: 1, readOnly: false };
      this.images.set(id, { ...record, config, manifest, signatures: [] });
    }
    const { manifestDigest, signatures } = image;
    if (signatures.length > 0) {
      const kept = this.#require(image.id);
      const others = kept.signatures.filter((each) => each.manifestDigest !== manifestDigest);
      this.images.set(image.id, { ...kept, signatures: [...others, { manifestDigest, signatures }] });
    }
    return this.addNames(image.id, image.names);
  }

  async addNames(imageId: string, names: readonly string[]): Promise<StoredImage> {
    for (const image of [...this.images.values()]) {
      const kept = image.names.filter((name) => image.id === imageId || !names.includes(name));
      this.images.set(image.id, { ...image, names: kept });
    }
    const image = this.#require(imageId);
    const named = { ...image, names: [...new Set([...image.names, ...names])] };
    this.images.set(imageId, named);
    return named;
  }

  async remove(imageId: string): Promise<void> {
    const image = this.images.get(imageId);
    if (image === undefined) return;
    const user = this.inUse.get(imageId);
    if (user !== undefined) {
      throw new DaemonError('failed-precondition', `image "${imageId}" is in use by container "${user}"`);
    }
    this.images.delete(imageId);
    for (let id = image.topLayerId; id !== undefined; ) {
      const parentId = this.layers.get(id)?.parentId;
      await this.removeUnusedLayers([id]);
      id = parentId;
    }
  }

  async usage(): Promise<FilesystemUsage> {
    return { mountpoint: '/', usedBytes: 0, inodesUsed: 0, timestampNanos: 0n };
  }

  #require(imageId: string): KeptImage {
    const image = this.images.get(imageId);
    if (image === undefined) throw new DaemonError('not-found', `image "${imageId}" does not exist`);
    return image;
  }
}

function layerId(parentId: string | undefined, diffId: Digest): string {
  const hex = diffId.slice('sha256:'.length);
  return parentId === undefined ? hex : digestOf(Buffer.from(`${parentId}+${hex}`)).slice('sha256:'.length);
}

function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function refused(what: string): DaemonError {
  return new DaemonError('failed-precondition', `layer has another ${what} than it should`);
}

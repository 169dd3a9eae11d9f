// What the rest of the daemon sees of the layered store. The on-disk form is containers/storage with the overlay
// driver, shared with podman, skopeo, buildah and CRI-O.

import type { IdMaps, IdRanges } from '../sys/id-maps.ts';

/** `sha256:` and 64 lower-case hex digits, checked. */
export type Digest = `sha256:${string}`;

/** An image as the store lists it. */
export interface StoredImage {
  /** 64 hex digits; the config digest for every image that cria stored. */
  readonly id: string;
  /** Digest of the manifest that the image was stored with, when the store knows it. */
  readonly manifestDigest: Digest | undefined;
  /** Fully qualified `host/path:tag` and `host/path@sha256:…`. */
  readonly names: readonly string[];
  readonly topLayerId: string | undefined;
  readonly createdAt: Date;
  /** Sum of the layers' uncompressed sizes and of the image's own files, in bytes; at least 1. */
  readonly sizeBytes: number;
  /** Lives in a read-only additional store: cannot be removed. */
  readonly readOnly: boolean;
}

export interface StoredLayer {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly diffId: Digest;
  readonly diffSizeBytes: number;
}

/** A layer of an image; the digest and size of the blob that it came as are not always known. */
export interface ImageLayer extends StoredLayer {
  readonly blobDigest: string | undefined;
  readonly blobSizeBytes: number | undefined;
}

/** A container record of the store. */
export interface ContainerUse {
  readonly containerId: string;
  readonly names: readonly string[];
}

/** Limits of one unpacked layer; a layer that exceeds one is refused as a whole. */
export interface UnpackLimits {
  readonly maxUnpackedBytes: number;
  /** Unpacked bytes per compressed byte, looked at after the first 64 MiB. */
  readonly maxRatio: number;
  readonly maxEntries: number;
  /** Unpacking stops when the file system has fewer bytes free. */
  readonly minFreeBytes: number;
}

export interface LayerSource {
  /**
   * The blob as it comes from a registry or an archive: gzip, zstd or plain tar, told apart by its first bytes. Its chunks
   * are given away: who yields one must not use it again.
   */
  readonly blob: AsyncIterable<Uint8Array>;
  /** Checked when given: a blob of another digest or size is refused. */
  readonly blobDigest: Digest | undefined;
  readonly blobSizeBytes: number | undefined;
  /** Digest of the uncompressed tar; a layer of another one is refused. */
  readonly diffId: Digest;
}

/** A layer whose files are unpacked but which no record names yet. */
export interface StagedLayer {
  readonly diffId: Digest;
  readonly diffSizeBytes: number;
  readonly blobDigest: Digest;
  readonly blobSizeBytes: number;
}

export interface NewImage {
  readonly id: string;
  readonly manifest: Uint8Array;
  readonly manifestDigest: Digest;
  readonly config: Uint8Array;
  readonly configDigest: Digest;
  /** Names to give to this image; another image that has one of them loses it. */
  readonly names: readonly string[];
  readonly topLayerId: string | undefined;
  readonly createdAt: Date;
  /** Signatures of this manifest, to be verified again later; empty leaves those that the image has. */
  readonly signatures: readonly Uint8Array[];
}

/** The signatures that an image was stored with, by the manifest that they are for. */
export interface StoredSignatures {
  readonly manifestDigest: Digest;
  readonly signatures: readonly Uint8Array[];
}

export interface NewContainerLayer {
  /** 64 hex digits; also the id of the record in containers.json. */
  readonly containerId: string;
  readonly imageId: string;
  readonly names: readonly string[];
  /** Kept as the record's metadata string: JSON that tells other tools whose container this is. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Of the user namespace that the container lives in: its files are stored with the host's ids. */
  readonly idMaps?: IdMaps | undefined;
}

export interface FilesystemUsage {
  readonly mountpoint: string;
  readonly usedBytes: number;
  readonly inodesUsed: number;
  readonly timestampNanos: bigint;
}

export interface LayerStore {
  /** The complete layer with this diffID on this parent, if the store has it. */
  findLayer(parentId: string | undefined, diffId: Digest): StoredLayer | undefined;
  /**
   * Unpacks a blob into staging, in a chroot-confined worker thread and without a store lock; checks blob digest, size
   * and diffID. Nothing is visible afterwards; on failure nothing is left. Several may run at once.
   */
  stageLayer(source: LayerSource, limits: UnpackLimits, signal: AbortSignal): Promise<StagedLayer>;
  /**
   * Makes staged layers, bottom first, layers of the store on top of `parentId`, by the incomplete-flag crash rule: all of
   * them or, when it fails, none. Where another process stored the same layer meanwhile, that one is returned. The
   * staged files are used up, also by a failure: stage the layers again.
   */
  commitLayers(staged: readonly StagedLayer[], parentId: string | undefined): Promise<StoredLayer[]>;
  /** Deletes a staged layer's files. No error when it was committed or discarded before. */
  discardStaged(staged: StagedLayer): Promise<void>;
  /**
   * The layer's uncompressed tar, byte for byte as it was unpacked: its digest is the diffID. Ends with
   * `failed-precondition` when the layer is damaged or was stored without what is needed for that.
   */
  readLayer(layerId: string): AsyncIterable<Uint8Array>;
  /** Deletes these layers, top first, if no image, container or child layer uses them; skips those in use. */
  removeUnusedLayers(layerIds: readonly string[]): Promise<void>;
}

export interface ImageRecords {
  /** All images, from memory. Changes by other processes appear after `refresh`, which runs at least once a second. */
  list(): readonly StoredImage[];
  get(imageId: string): StoredImage | undefined;
  /** Looks at the locks' tokens and reads again what others changed. */
  refresh(): Promise<void>;
  /** The image's config JSON or manifest, whole (at most 4 MiB). */
  readConfig(imageId: string): Promise<Uint8Array>;
  readManifest(imageId: string): Promise<Uint8Array>;
  /** The image's layers, base first. */
  layersOf(imageId: string): readonly ImageLayer[];
  /** Containers, of every tool on this store, that stand on the image. */
  usersOf(imageId: string): readonly ContainerUse[];
  /** One element for each manifest that has signatures. */
  readSignatures(imageId: string): Promise<readonly StoredSignatures[]>;
  /**
   * Records an image whose layers are committed. Syncs the file system first, so that after a power loss the image is
   * whole or absent. If the image exists, the names are added to it.
   */
  create(image: NewImage): Promise<StoredImage>;
  /** Gives names to an image and takes them from any other. */
  addNames(imageId: string, names: readonly string[]): Promise<StoredImage>;
  /**
   * Deletes the record, its files, and those layers that nothing else uses. `not-found` is not an error (idempotent);
   * `failed-precondition` when a container of any tool on this store uses the image (its id is in the message).
   */
  remove(imageId: string): Promise<void>;
  /** Never slow: the files of a store just opened are counted in the background, and may be missing at first. */
  usage(): Promise<FilesystemUsage>;
}

export interface ContainerLayers {
  /** The directory of the store in which containers' own files lie; the images' may be another one. */
  readonly root: string;
  /** Makes a read-write layer on the image's top layer and a record in containers.json. */
  create(container: NewContainerLayer): Promise<void>;
  /**
   * Mounts the container's overlay at `target` (made if missing); an already mounted target is success. With the path of a
   * user namespace the image's files have the ids of that; it is the one whose `idMaps` the layer was made with. With an SELinux
   * label all files have that one.
   */
  mount(containerId: string, target: string, userNamespacePath?: string, label?: string): Promise<void>;
  /** Rejects with `failed-precondition` when no layer can be mounted for a user namespace. */
  probeIdMaps(userNamespacePath: string): Promise<void>;
  /** Unmounts `target`; not mounted is success. */
  unmount(target: string): Promise<void>;
  /** Deletes record and layer; absent is success. The rootfs must be unmounted. */
  remove(containerId: string): Promise<void>;
  /** Ids of all container records in the store that cria wrote. */
  listOwn(): Promise<readonly string[]>;
  /** The host's ids that the user namespaces of containers have, of every tool on this store, as far as it wrote them down. */
  idsInUse(): Promise<IdRanges>;
  /** `<graphroot>/overlay/<layer>/merged`, which names the container's layer to cAdvisor, mounted or not. */
  rootPath(containerId: string): string | undefined;
  /** Where the container's own files lie, and on which file system; undefined without a layer. */
  writableLayer(containerId: string): { readonly path: string; readonly mountpoint: string } | undefined;
}

// Layers: unpacked into staging without a lock, then committed under layers.lock in milliseconds.

import { existsSync } from 'node:fs';
import { copyFile, mkdir, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode, isAbortError } from '../errors/errno.ts';
import { removeTree } from '../fs/directories.ts';
import { diskFull, spaceOf } from './disk-full.ts';
import { exportLayer } from './export-layer.ts';
import { furnishLayerDir, inheritRootMode, newLinkName, putLink, readLinkName } from './layer-dir.ts';
import { isIncomplete, type LayerRecord, layerIdOf, ownFlag, toStoredLayer } from './layer-records.ts';
import type { OpenRecords } from './record-file.ts';
import { type Grave, retireLayers } from './retire-layers.ts';
import type { Digest, LayerSource, LayerStore, StagedLayer, StoredLayer, UnpackLimits } from './store.ts';
import type { StoreState } from './store-state.ts';
import { TempDir } from './temp-dir.ts';
import { NoSpaceError, unpackBlob } from './unpack/unpack-blob.ts';
import type { UnpackedLayer } from './unpack/unpack-protocol.ts';
import { UnpackWorkers } from './unpack/unpack-workers.ts';
import { unusedLayers } from './used-layers.ts';

/** Room that a path inside a layer leaves for the layer's own place, within PATH_MAX. */
const pathMaxBytes = 4095;
const placeBytes = 192;

const compressionNumbers = { none: 0, gzip: 2, zstd: 4 } as const;

/** A layer of more owners does not list them: the list is a hint, and is written again with every change of the store. */
const maxListedOwners = 4096;

interface Staging {
  readonly directory: TempDir;
  readonly unpacked: UnpackedLayer;
  /** The sync that makes the files durable. */
  readonly mark: number;
}

export class OverlayLayerStore implements LayerStore {
  readonly #store: StoreState;
  readonly #workers = new UnpackWorkers();
  readonly #staged = new Map<StagedLayer, Staging>();

  constructor(store: StoreState) {
    this.#store = store;
  }

  findLayer(parentId: string | undefined, diffId: Digest): StoredLayer | undefined {
    const record = this.#store.forest.find(parentId, diffId);
    // A power loss can take the files and leave the record.
    if (record === undefined || !this.#isUsable(record)) return undefined;
    return toStoredLayer(record);
  }

  async stageLayer(source: LayerSource, limits: UnpackLimits, signal: AbortSignal): Promise<StagedLayer> {
    signal.throwIfAborted();
    const { tempDirs } = this.#store.imagePaths;
    const directory = await TempDir.create(tempDirs).catch(async (cause: unknown) => {
      throw await diskFull(cause, tempDirs, `layer "${source.diffId}"`);
    });
    try {
      const unpacked = await this.#unpack(directory.path, source, limits, signal);
      const staged: StagedLayer = {
        diffId: source.diffId,
        diffSizeBytes: unpacked.diffSizeBytes,
        blobDigest: unpacked.blobDigest as Digest,
        blobSizeBytes: unpacked.blobSizeBytes,
      };
      const mark = this.#store.sync.mark();
      this.#staged.set(staged, { directory, unpacked, mark });
      // Begins now, while other layers are unpacked, so that the commit finds most of it on disk. Its failure is seen
      // by the commit, which waits for it or runs another.
      this.#store.sync.reach(mark).catch(() => {});
      return staged;
    } catch (cause) {
      await directory.remove();
      throw await this.#refusal(source.diffId, cause, signal);
    }
  }

  async commitLayer(staged: StagedLayer, parentId: string | undefined): Promise<StoredLayer> {
    const staging = this.#staged.get(staged);
    if (staging === undefined) {
      throw new DaemonError(
        'failed-precondition',
        `staged layer "${staged.diffId}" was committed or discarded before; stage it again`,
      );
    }
    this.#staged.delete(staged);
    let replaced: Grave | undefined;
    try {
      await this.#store.sync.reach(staging.mark);
      const id = layerIdOf(parentId, staged.diffId);
      // A layer that replaces a broken one keeps its link name: what stands on it has the name in its `lower`.
      const linkName = (await readLinkName(this.#store.imagePaths, id)) ?? newLinkName();
      await this.#furnish(staging, parentId, linkName);
      return await this.#store.layers.locked('write', async (layers) => {
        if (parentId !== undefined) this.#requireLayer(parentId);
        const existing = this.#store.forest.find(parentId, staged.diffId);
        if (existing !== undefined && this.#isUsable(existing)) {
          return toStoredLayer(existing);
        }
        // A broken layer of this id, or files that a crash left without a record, make room.
        if (layers.get(id) !== undefined || existsSync(this.#store.imagePaths.layer(id))) {
          replaced = await retireLayers(this.#store, layers, [id]);
        }
        return await this.#enter(
          layers,
          newRecord(id, parentId, staged, staging.unpacked),
          staging,
          linkName,
        );
      });
    } catch (cause) {
      throw await diskFull(cause, this.#store.imagePaths.graphRoot, `layer "${staged.diffId}"`);
    } finally {
      await staging.directory.remove();
      await replaced?.remove();
    }
  }

  async discardStaged(staged: StagedLayer): Promise<void> {
    const staging = this.#staged.get(staged);
    this.#staged.delete(staged);
    await staging?.directory.remove();
  }

  readLayer(layerId: string): AsyncIterable<Uint8Array> {
    const paths = this.#store.homeOf(layerId);
    return exportLayer({ id: layerId, tarSplit: paths.tarSplit(layerId), diff: paths.diff(layerId) });
  }

  async removeUnusedLayers(layerIds: readonly string[]): Promise<void> {
    const { layers, images, containers } = this.#store;
    const grave = await layers.locked('write', async (openLayers) => {
      return images.locked('read', () =>
        containers.locked('read', async () => {
          const doomed = unusedLayers(this.#store, new Set(layerIds));
          return doomed.length === 0 ? undefined : retireLayers(this.#store, openLayers, doomed);
        }),
      );
    });
    await grave?.remove();
  }

  /** Deletes everything that was staged and never committed. */
  async close(): Promise<void> {
    await this.#workers.close();
    for (const staged of [...this.#staged.keys()]) await this.discardStaged(staged);
    await this.#store.sync.idle();
  }

  async #unpack(
    directory: string,
    source: LayerSource,
    limits: UnpackLimits,
    signal: AbortSignal,
  ): Promise<UnpackedLayer> {
    const diff = join(directory, 'layer', 'diff');
    await mkdir(join(directory, 'layer'), { mode: 0o755 }); // one by one: on a full disk, recursive says ENOENT
    await mkdir(diff, { mode: 0o755 });
    const order = {
      diff,
      tarSplit: join(directory, 'tar-split.gz'),
      limits,
      maxPathBytes: pathMaxBytes - placeBytes - Buffer.byteLength(this.#store.imagePaths.overlay),
    };
    const maxBlobBytes = source.blobSizeBytes ?? Number.MAX_SAFE_INTEGER;
    const unpacked = await unpackBlob(this.#workers, { blob: source.blob, maxBlobBytes, order }, signal);
    checkDigests(source, unpacked);
    return unpacked;
  }

  #isUsable(record: LayerRecord): boolean {
    const { broken, homeOf } = this.#store;
    return !broken.isBroken(record) && existsSync(homeOf(record.id).diff(record.id));
  }

  #requireLayer(layerId: string): void {
    const record = this.#store.forest.get(layerId);
    if (record === undefined || isIncomplete(record)) throw missingParent(layerId);
  }

  /** Names the layer in the worker's reason; errors of the blob's source and aborts pass as they are. */
  async #refusal(diffId: Digest, cause: unknown, signal: AbortSignal): Promise<unknown> {
    if (signal.aborted || isAbortError(cause)) return cause;
    if (cause instanceof NoSpaceError) {
      const what = `layer "${diffId}" ${cause.message}: ${await spaceOf(this.#store.imagePaths.graphRoot)}`;
      return new DaemonError('resource-exhausted', what);
    }
    if (cause instanceof DaemonError)
      return new DaemonError(cause.kind, `layer "${diffId}" ${cause.message}`);
    return diskFull(cause, this.#store.imagePaths.graphRoot, `layer "${diffId}"`);
  }

  /** Completes the layer's directory in staging. */
  async #furnish(staging: Staging, parentId: string | undefined, linkName: string): Promise<void> {
    const { forest } = this.#store;
    const directory = join(staging.directory.path, 'layer');
    const chain = parentId === undefined ? [] : forest.chain(parentId);
    if (chain === undefined) throw missingParent(parentId ?? '');
    const ancestorIds = chain.map((record) => record.id);
    if (!staging.unpacked.hasRoot) await inheritRootMode(this.#store, join(directory, 'diff'), parentId);
    await furnishLayerDir(this.#store, { directory, linkName, ancestorIds, durable: true });
  }

  /** Steps 1, 2 and 4 of the crash rule; step 3, the sync of the contents, came before. */
  async #enter(
    layers: OpenRecords<LayerRecord>,
    record: LayerRecord,
    staging: Staging,
    linkName: string,
  ): Promise<StoredLayer> {
    const { paths, imagePaths, imageLayerPlace: place } = this.#store;
    layers.put(place, { ...record, flags: { ...record.flags, incomplete: true } });
    await layers.save();
    try {
      await rename(join(staging.directory.path, 'layer'), imagePaths.layer(record.id));
      await putLink(imagePaths, record.id, linkName);
      await moveFile(join(staging.directory.path, 'tar-split.gz'), paths.tarSplit(record.id));
      layers.put(place, record);
      await layers.save();
      this.#store.broken.mendedLayer(record.id);
      return toStoredLayer(record);
    } catch (cause) {
      await this.#takeBack(layers, record.id, staging);
      throw cause;
    }
  }

  /** On a full disk nothing can be recorded before there is room; the flag that the record has makes its files nobody's. */
  async #takeBack(layers: OpenRecords<LayerRecord>, layerId: string, staging: Staging): Promise<void> {
    const { imagePaths, logger } = this.#store;
    await staging.directory.remove();
    await removeTree(imagePaths.layer(layerId));
    try {
      await (await retireLayers(this.#store, layers, [layerId])).remove();
    } catch (cause) {
      logger.warn({ layerId, err: cause }, 'a half-made layer is left for the next clean-up');
    }
  }
}

function newRecord(
  id: string,
  parentId: string | undefined,
  staged: StagedLayer,
  unpacked: UnpackedLayer,
): LayerRecord {
  return {
    id,
    ...(parentId === undefined ? {} : { parent: parentId }),
    created: new Date().toISOString(),
    'compressed-diff-digest': staged.blobDigest,
    'compressed-size': staged.blobSizeBytes,
    'diff-digest': staged.diffId,
    'diff-size': staged.diffSizeBytes,
    compression: compressionNumbers[unpacked.compression],
    ...(unpacked.uids.length > maxListedOwners ? {} : { uidset: [...unpacked.uids] }),
    ...(unpacked.gids.length > maxListedOwners ? {} : { gidset: [...unpacked.gids] }),
    flags: { [ownFlag]: true },
  };
}

function missingParent(layerId: string): DaemonError {
  return new DaemonError(
    'failed-precondition',
    `parent layer "${layerId}" is not in the store; another tool removed it, pull the image again`,
  );
}

function checkDigests(source: LayerSource, unpacked: UnpackedLayer): void {
  const { blobDigest, blobSizeBytes, diffId } = source;
  if (blobSizeBytes !== undefined && unpacked.blobSizeBytes !== blobSizeBytes) {
    throw wrong(`has ${unpacked.blobSizeBytes} bytes, its manifest says ${blobSizeBytes}`);
  }
  if (blobDigest !== undefined && unpacked.blobDigest !== blobDigest) {
    throw wrong(`has blob digest ${unpacked.blobDigest}, its manifest says ${blobDigest}`);
  }
  if (unpacked.diffId !== diffId) {
    throw wrong(`unpacks to a tar of digest ${unpacked.diffId}, the image config says otherwise`);
  }
}

function wrong(message: string): DaemonError {
  return new DaemonError('failed-precondition', message);
}

/** Renames, or copies where another tool has bind-mounted the driver's home on itself, as containers/storage does. */
async function moveFile(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (cause) {
    if (errnoCode(cause) !== 'EXDEV') throw cause;
    await copyFile(from, to);
    const file = await open(to, 'r+');
    try {
      await file.datasync();
    } finally {
      await file.close();
    }
    await unlink(from);
  }
}

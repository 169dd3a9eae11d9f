// Layers: unpacked into staging without a lock, then committed under layers.lock in milliseconds (commit-chain.ts).

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { isAbortError } from '../errors/errno.ts';
import { diskFull, spaceOf } from '../fs/disk-full.ts';
import { commitChain, type Staging } from './commit-chain.ts';
import { exportLayer } from './export-layer.ts';
import { toStoredLayer } from './layer-records.ts';
import { retireLayers } from './retire-layers.ts';
import type { Digest, LayerSource, LayerStore, StagedLayer, StoredLayer, UnpackLimits } from './store.ts';
import type { StoreState } from './store-state.ts';
import { findTarSplit } from './tar-split.ts';
import { TempDir } from './temp-dir.ts';
import { NoSpaceError, unpackBlob } from './unpack/unpack-blob.ts';
import type { UnpackedLayer } from './unpack/unpack-protocol.ts';
import { UnpackWorkers } from './unpack/unpack-workers.ts';
import { usableLayer } from './usable-layer.ts';
import { unusedLayers } from './used-layers.ts';

/** Room that a path inside a layer leaves for the layer's own place, within PATH_MAX. */
const pathMaxBytes = 4095;
const placeBytes = 192;

export class OverlayLayerStore implements LayerStore {
  readonly #store: StoreState;
  readonly #workers = new UnpackWorkers();
  readonly #staged = new Map<StagedLayer, Staging>();

  constructor(store: StoreState) {
    this.#store = store;
  }

  findLayer(parentId: string | undefined, diffId: Digest): StoredLayer | undefined {
    const record = usableLayer(this.#store, parentId, diffId);
    return record === undefined ? undefined : toStoredLayer(record);
  }

  async stageLayer(source: LayerSource, limits: UnpackLimits, signal: AbortSignal): Promise<StagedLayer> {
    signal.throwIfAborted();
    const { tempDirs, graphRoot } = this.#store.imagePaths;
    const directory = await TempDir.create(tempDirs).catch(async (cause: unknown) => {
      throw await diskFull(cause, graphRoot, `layer "${source.diffId}"`);
    });
    try {
      const unpacked = await this.#unpack(directory.path, source, limits, signal);
      const staged: StagedLayer = {
        diffId: source.diffId,
        diffSizeBytes: unpacked.diffSizeBytes,
        blobDigest: unpacked.blobDigest as Digest,
        blobSizeBytes: unpacked.blobSizeBytes,
      };
      this.#staged.set(staged, { layer: staged, directory, unpacked });
      // Begins now, while other layers are unpacked, so that the commit finds most of it on disk. Its failure is seen
      // by the commit, which runs another.
      this.#store.sync.reach(this.#store.sync.mark()).catch(() => {});
      return staged;
    } catch (cause) {
      await directory.remove();
      throw await this.#refusal(source.diffId, cause, signal);
    }
  }

  async commitLayers(staged: readonly StagedLayer[], parentId: string | undefined): Promise<StoredLayer[]> {
    const first = staged[0]?.diffId ?? '';
    const chain = staged.map((layer) => {
      const staging = this.#staged.get(layer);
      if (staging !== undefined) return staging;
      throw new DaemonError(
        'failed-precondition',
        `staged layer "${layer.diffId}" was committed or discarded before; stage it again`,
      );
    });
    for (const layer of staged) this.#staged.delete(layer);
    try {
      return await commitChain(this.#store, chain, parentId);
    } catch (cause) {
      throw await diskFull(cause, this.#store.imagePaths.graphRoot, `layer "${first}"`);
    }
  }

  async discardStaged(staged: StagedLayer): Promise<void> {
    const staging = this.#staged.get(staged);
    this.#staged.delete(staged);
    await staging?.directory.remove();
  }

  readLayer(layerId: string): AsyncIterable<Uint8Array> {
    const diff = this.#store.homeOf(layerId).diff(layerId);
    return exportLayer({ id: layerId, tarSplit: findTarSplit(this.#store, layerId), diff });
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

// Puts an image into the store: missing layers are staged at once, then committed in order, the image record last.
// Until then nothing of it is visible, and when anything fails nothing of it stays.

import { allOrNone } from '../async/all-or-none.ts';
import { KeyedLock } from '../async/keyed-lock.ts';
import { type Place, Semaphore } from '../async/semaphore.ts';
import { waitFor } from '../async/wait-for.ts';
import { DaemonError, hasKind } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import { digestOf } from '../registry/digest.ts';
import type {
  Digest,
  ImageRecords,
  LayerStore,
  StagedLayer,
  StoredLayer,
  UnpackLimits,
} from '../storage/store.ts';
import type { ImageContents, LayerContents } from './image-contents.ts';
import { chainIdsOf, LayerClaims } from './layer-claims.ts';
import type { PullLayer, PullProgress } from './pull-progress.ts';
import { lendWhileSlow } from './slow-source.ts';

/** Layers of one image that are fetched at once; as containerd. */
const layersAtOnce = 3;
/** Layers of all images that are begun at once: each is a thread of some MiB. */
const begunAtOnce = 12;
/** How often an image is completed again when another process removes layers that it counted on. */
const maxVainRounds = 3;

export interface WriterParts {
  readonly layers: LayerStore;
  readonly records: ImageRecords;
  readonly limits: UnpackLimits;
  /** Layers of all images that are unpacked at once: each takes a core. */
  readonly unpacksAtOnce: number;
  readonly logger: Logger;
}

/** The one writer of images in this process; removals go through it too, so that no commit loses a layer to one. */
export class ImageWriter {
  readonly #parts: WriterParts;
  readonly #unpacks: Semaphore;
  /** Those whose registry is slow do not count as unpacked, but each has its thread. */
  readonly #begun = new Semaphore(begunAtOnce);
  readonly #changes = new KeyedLock();
  readonly #claims = new LayerClaims();

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#unpacks = new Semaphore(parts.unpacksAtOnce);
  }

  /** Stores the image and returns its id. An image that is there already gets the names. */
  async write(contents: ImageContents, progress: PullProgress, signal: AbortSignal): Promise<string> {
    const work: Work = { contents, progress, staged: new Map(), committedIds: [] };
    progress.begin(this.#layersToTell(contents));
    try {
      for (let vainRounds = 0; vainRounds < maxVainRounds; ) {
        const { imageId, hasWaited } = await this.#round(work, signal);
        if (imageId !== undefined) return imageId;
        if (!hasWaited) vainRounds += 1;
      }
      throw new DaemonError(
        'unavailable',
        'layers of the image are being removed by another process: pull it again',
      );
    } catch (cause) {
      await this.#cleanUp('remove the layers of a failed image', () =>
        this.#changes.run('store', () =>
          this.#parts.layers.removeUnusedLayers(work.committedIds.toReversed()),
        ),
      );
      throw cause;
    } finally {
      for (const staged of work.staged.values()) {
        await this.#cleanUp('discard a staged layer', () => this.#parts.layers.discardStaged(staged));
      }
    }
  }

  /** Deletes the image; see `ImageRecords.remove`. */
  async remove(imageId: string): Promise<void> {
    await this.#changes.run('store', () => this.#parts.records.remove(imageId));
  }

  /** No id when a layer is missing after all: who was to store it failed, or somebody removed it. */
  async #round(
    work: Work,
    signal: AbortSignal,
  ): Promise<{ imageId: string | undefined; hasWaited: boolean }> {
    const { progress } = work;
    const missing = this.#missing(work);
    const claim = this.#claims.claim(missing.map(({ chainId }) => chainId));
    try {
      const mine = missing.filter(({ chainId }) => claim.mine.has(chainId));
      const downloads = new Semaphore(layersAtOnce);
      await allOrNone(signal, mine, async ({ index, layer }, stop) => {
        work.staged.set(index, await downloads.run(() => this.#stage(index, layer, progress, stop), stop));
        progress.unpacked(index);
      });
      if (claim.others !== undefined) await waitFor(claim.others, signal);
      const imageId = await this.#changes.run('store', () => this.#commit(work));
      return { imageId, hasWaited: claim.others !== undefined };
    } finally {
      claim.release();
    }
  }

  /** What neither the store nor this work has, the biggest first: it decides how long it takes. */
  #missing({ contents, staged }: Work): MissingLayer[] {
    const { layers } = contents;
    const chainIds = chainIdsOf(layers.map(({ diffId }) => diffId));
    const present = this.#countPresent(layers);
    return layers
      .flatMap((layer, index) => {
        const chainId = chainIds[index];
        return chainId === undefined || index < present || staged.has(index) ? [] : { index, chainId, layer };
      })
      .sort((a, b) => b.layer.blobSizeBytes - a.layer.blobSizeBytes);
  }

  /** The layers that the store has, counted from the base: above a missing one there is none. */
  #countPresent(layers: readonly LayerContents[]): number {
    let parentId: string | undefined;
    let count = 0;
    for (const { diffId } of layers) {
      const found = this.#parts.layers.findLayer(parentId, diffId);
      if (found === undefined) break;
      parentId = found.id;
      count += 1;
    }
    return count;
  }

  #layersToTell({ layers }: ImageContents): PullLayer[] {
    const present = this.#countPresent(layers);
    return layers.map(({ blobDigest, diffId, blobSizeBytes: sizeBytes, mediaType }, index) => {
      return { digest: blobDigest ?? diffId, sizeBytes, mediaType, isPresent: index < present };
    });
  }

  async #stage(
    index: number,
    layer: LayerContents,
    progress: PullProgress,
    signal: AbortSignal,
  ): Promise<StagedLayer> {
    const { diffId, blobDigest, blobSizeBytes } = layer;
    const blob = progress.receive(index, await progress.waitFor(layer.open(signal)));
    const { layers, limits } = this.#parts;
    const unpack = (place: Place): Promise<StagedLayer> => {
      const source = { blob: lendWhileSlow(blob, place), blobDigest, blobSizeBytes, diffId };
      return layers.stageLayer(source, limits, signal);
    };
    return this.#begun.run(() => this.#unpacks.run(unpack, signal), signal);
  }

  /** Undefined when a layer that the store had is gone; what was committed until then stays for the next round. */
  async #commit({ contents, staged, committedIds }: Work): Promise<string | undefined> {
    const stored: StoredLayer[] = [];
    for (let next = contents.layers[0]; next !== undefined; next = contents.layers[stored.length]) {
      const parentId = stored.at(-1)?.id;
      const layer = this.#parts.layers.findLayer(parentId, next.diffId);
      if (layer !== undefined) {
        stored.push(layer);
        continue;
      }
      const chain = stagedFrom(staged, stored.length);
      if (chain.length === 0) return undefined;
      const fresh = await this.#parts.layers.commitLayers(chain, parentId);
      for (const index of chain.keys()) staged.delete(stored.length + index);
      committedIds.push(...fresh.map(({ id }) => id));
      stored.push(...fresh);
    }
    return this.#record(contents, stored);
  }

  async #record(contents: ImageContents, layers: readonly StoredLayer[]): Promise<string> {
    const { config, configDigest, parsedConfig, names, signatures } = contents;
    const { records } = this.#parts;
    const id = configDigest.slice('sha256:'.length);
    const topLayerId = layers.at(-1)?.id;
    const isThere = signatures.length === 0 && records.get(id)?.topLayerId === topLayerId;
    if (isThere && (await this.#addNames(id, names))) return id;
    const manifest = contents.manifestOf(layers);
    const manifestDigest = digestOf(manifest);
    const { createdAt } = parsedConfig;
    await records.create({
      id,
      manifest,
      manifestDigest,
      config,
      configDigest,
      names,
      topLayerId,
      createdAt,
      signatures,
    });
    return id;
  }

  /** False when another process has just removed the image. */
  async #addNames(imageId: string, names: readonly string[]): Promise<boolean> {
    try {
      await this.#parts.records.addNames(imageId, names);
      return true;
    } catch (cause) {
      if (hasKind(cause, 'not-found')) return false;
      throw cause;
    }
  }

  async #cleanUp(step: string, undo: () => Promise<void>): Promise<void> {
    try {
      await undo();
    } catch (cause) {
      this.#parts.logger.warn({ step, err: cause }, 'clean-up after an image failed');
    }
  }
}

interface MissingLayer {
  readonly index: number;
  readonly chainId: Digest;
  readonly layer: LayerContents;
}

interface Work {
  readonly contents: ImageContents;
  readonly progress: PullProgress;
  /** By layer number. */
  readonly staged: Map<number, StagedLayer>;
  readonly committedIds: string[];
}

/** The staged layers from this one up, without a gap. */
function stagedFrom(staged: ReadonlyMap<number, StagedLayer>, lowest: number): StagedLayer[] {
  const chain: StagedLayer[] = [];
  for (let layer = staged.get(lowest); layer !== undefined; layer = staged.get(lowest + chain.length))
    chain.push(layer);
  return chain;
}

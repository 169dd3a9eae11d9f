// The images of this node: the parts of this folder joined to what the rest of the daemon uses.

import { setTimeout as sleep } from 'node:timers/promises';
import { SingleFlight } from '../async/single-flight.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import type { ImagePolicy } from '../policy/policy.ts';
import type { Registry, ShortNames } from '../registry/registry.ts';
import type { FilesystemUsage, ImageRecords, LayerStore, UnpackLimits } from '../storage/store.ts';
import { admitStored } from './admit-image.ts';
import { ImageCatalog } from './image-catalog.ts';
import { parseImageConfig } from './image-config.ts';
import { ImageWriter } from './image-writer.ts';
import type { Image, ImageConfig, Images, PullRequest } from './images.ts';
import { type ImageDetails, inspectImage } from './inspect-image.ts';
import { parseJson } from './json-object.ts';
import { type LoaderParts, loadImages } from './load-image.ts';
import { pinnedBy } from './pinned-images.ts';
import type { Platform } from './platform.ts';
import { type PrunePlan, prunePlan } from './prune-images.ts';
import { ImagePuller } from './pull-image.ts';
import type { PullWatcher } from './pull-progress.ts';
import { type SaveFormat, saveImages } from './save-image.ts';
import type { ShortNameMode } from './short-names.ts';

export interface StoredImagesParts {
  readonly layers: LayerStore;
  readonly records: ImageRecords;
  readonly registry: Registry;
  readonly policy: ImagePolicy;
  readonly shortNames: ShortNames;
  readonly logger: Logger;
  /** Told of every pull, once, however many callers wait for it. */
  readonly pullWatchers: readonly PullWatcher[];
  /** Aborts when the daemon stops: ends running pulls. */
  readonly lifetime: AbortSignal;
}

export interface StoredImagesOptions {
  readonly limits: UnpackLimits;
  readonly unpacksAtOnce: number;
  readonly platform: Platform;
  readonly shortNameMode: ShortNameMode;
  /** See `PullerParts`. */
  readonly progressTimeoutMs: number;
  /** Patterns of crio.image.pinned_images, and the pause image. */
  readonly pinnedImages: readonly string[];
}

/** Older tools hold the store's lock while they unpack a layer; a list must not wait for that. */
const refreshWaitMs = 500;

/** Images in the layered store, pulled from registries or loaded from disk. */
export class StoredImages implements Images {
  readonly #parts: StoredImagesParts;
  readonly #catalog: ImageCatalog;
  readonly #writer: ImageWriter;
  readonly #puller: ImagePuller;
  readonly #loader: LoaderParts;
  readonly #removals = new SingleFlight<void>();

  constructor(parts: StoredImagesParts, options: StoredImagesOptions) {
    const { limits, unpacksAtOnce, platform, shortNameMode, progressTimeoutMs } = options;
    this.#parts = parts;
    this.#catalog = new ImageCatalog(parts, pinnedBy(options.pinnedImages));
    this.#writer = new ImageWriter({ ...parts, limits, unpacksAtOnce });
    this.#puller = new ImagePuller({
      ...parts,
      platform,
      shortNameMode,
      progressTimeoutMs,
      catalog: this.#catalog,
      writer: this.#writer,
    });
    this.#loader = {
      policy: parts.policy,
      platform,
      catalog: this.#catalog,
      writer: this.#writer,
      logger: parts.logger,
    };
  }

  /** Knows every image of the store when it resolves, however long others hold its locks: for the start. */
  async ready(): Promise<void> {
    await this.#catalog.refresh();
  }

  async refresh(): Promise<void> {
    const waited = new AbortController();
    const refreshed = this.#catalog.refresh().finally(() => waited.abort());
    await Promise.race([
      refreshed,
      sleep(refreshWaitMs, undefined, { signal: waited.signal }).catch(() => {}),
    ]);
  }

  /** Replaces the pinned patterns after a configuration reload. */
  setPinnedImages(patterns: readonly string[]): void {
    this.#catalog.setPinned(pinnedBy(patterns));
  }

  /** Resolves when no pull and no removal runs; with `lifetime` aborted that is soon. */
  async idle(): Promise<void> {
    await Promise.all([this.#puller.idle(), this.#removals.idle()]);
  }

  list(): readonly Image[] {
    return this.#catalog.list();
  }

  find(reference: string): Image | undefined {
    return this.#catalog.find(reference);
  }

  async config(imageId: string): Promise<ImageConfig> {
    return parseImageConfig(await this.#parts.records.readConfig(imageId)).config;
  }

  async rawConfig(imageId: string): Promise<unknown> {
    return parseJson(await this.#parts.records.readConfig(imageId), 'config');
  }

  async admit(imageId: string, written: string, namespace: string, signal: AbortSignal): Promise<void> {
    const image = this.#parts.records.get(imageId);
    if (image === undefined) throw new DaemonError('not-found', `image "${imageId}" is not in the store`);
    const references = this.#catalog.referencesFor(image, written);
    await admitStored(this.#parts, { image, references, namespace }, signal);
  }

  pull(request: PullRequest, signal: AbortSignal): Promise<string> {
    return this.#puller.pull(request, signal);
  }

  load(path: string, names: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    return loadImages(this.#loader, path, names, signal);
  }

  async remove(reference: string, signal: AbortSignal): Promise<void> {
    await this.refresh();
    const image = this.#catalog.findStored(reference);
    if (image === undefined) return;
    if (image.readOnly) {
      const text = `image "${image.id}" is in a read-only store and cannot be removed`;
      throw new DaemonError('failed-precondition', text);
    }
    // Callers at the same time share one removal, so that each returns when the image is gone.
    await this.#removals.run(image.id, () => this.#writer.remove(image.id), signal);
  }

  /** See `inspectImage`; `not-found` when there is no such image. */
  async inspect(reference: string): Promise<ImageDetails> {
    return inspectImage(this.#parts.records, this.#require(reference));
  }

  /** The archive of these images, each under the name by which it was asked for; see `saveImages`. */
  save(references: readonly string[], format: SaveFormat): AsyncIterable<Uint8Array> {
    const images = references.map((reference) => {
      const { id, repoTags } = this.#require(reference);
      return { imageId: id, name: this.#catalog.tagMeantBy(id, reference) ?? repoTags[0] };
    });
    return saveImages(this.#parts, images, format);
  }

  /** See `prunePlan`. */
  prunable(all: boolean): PrunePlan {
    return prunePlan(this.#parts.records, this.list(), all);
  }

  #require(reference: string): Image {
    const image = this.find(reference);
    if (image !== undefined) return image;
    throw new DaemonError(
      'not-found',
      `image "${reference}" is not in the store; "cria image list" shows what is`,
    );
  }

  usage(): Promise<FilesystemUsage> {
    return this.#parts.records.usage();
  }
}

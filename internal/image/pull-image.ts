// PullImage: reference -> manifest -> config -> layers -> record.

import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { SingleFlight } from '../async/single-flight.ts';
import { hasKind } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import type { ImagePolicy } from '../policy/policy.ts';
import { digestOf } from '../registry/digest.ts';
import {
  formatReference,
  formatRepository,
  type Reference,
  requireReference,
} from '../registry/reference.ts';
import type { BlobDescriptor, Registry, RemoteImage, ShortNames } from '../registry/registry.ts';
import type { ImageRecords } from '../storage/store.ts';
import { admitPulled } from './admit-image.ts';
import type { ImageCatalog } from './image-catalog.ts';
import { contentsOf, readBlob } from './image-contents.ts';
import type { ImageWriter } from './image-writer.ts';
import type { PullRequest } from './images.ts';
import type { Platform } from './platform.ts';
import { PullProgress, type PullWatcher } from './pull-progress.ts';
import { selectManifest } from './select-manifest.ts';
import { pullCandidatesOf, type ShortNameMode } from './short-names.ts';
import { withSilenceLimit } from './silence-limit.ts';

export interface PullerParts {
  readonly registry: Registry;
  readonly policy: ImagePolicy;
  readonly shortNames: ShortNames;
  readonly shortNameMode: ShortNameMode;
  readonly platform: Platform;
  readonly records: ImageRecords;
  readonly catalog: ImageCatalog;
  readonly writer: ImageWriter;
  readonly logger: Logger;
  readonly pullWatchers: readonly PullWatcher[];
  /** A pull in which the registry gives nothing for this time is given up; 0 for never. */
  readonly progressTimeoutMs: number;
  /** Aborts when the daemon stops; nothing else ends a pull that makes progress. */
  readonly lifetime: AbortSignal;
}

interface FoundImage {
  readonly namespace: string;
  readonly reference: Reference;
  readonly remote: RemoteImage;
}

/** Pulls images, each once at a time. */
export class ImagePuller {
  readonly #parts: PullerParts;
  readonly #running = new SingleFlight<string>();
  readonly #progress = new Map<string, PullProgress>();

  constructor(parts: PullerParts) {
    setMaxListeners(0, parts.lifetime); // one or more for each running pull: no leak
    this.#parts = parts;
  }

  /** See `Images.pull`. Who waits may give up; the pull goes on, and the kubelet's next try finds it. */
  async pull(request: PullRequest, signal: AbortSignal): Promise<string> {
    const { shortNames, shortNameMode } = this.#parts;
    const written = requireReference(request.reference);
    await shortNames.follow();
    const candidates = pullCandidatesOf(written, shortNames, shortNameMode);
    const names = candidates.map(formatReference).join(' ');
    // With other credentials it is another pull: joining it would give an image to somebody who may not read it.
    // Another namespace has another policy.
    const key = `${names} ${hashOf(request)}`;
    const pulled = this.#running.run(key, () => this.#watched(key, candidates, request), signal);
    const stop = request.listener && this.#progress.get(key)?.listen(request.listener);
    return pulled.finally(() => stop?.());
  }

  /** Resolves when no pull runs. */
  async idle(): Promise<void> {
    await this.#running.idle();
  }

  async #watched(key: string, candidates: readonly Reference[], request: PullRequest): Promise<string> {
    const progress = new PullProgress(this.#parts.pullWatchers.map((watch) => watch()));
    this.#progress.set(key, progress);
    try {
      const imageId = await this.#pullFirst(candidates, request, progress);
      progress.done(imageId);
      return imageId;
    } catch (error) {
      progress.failed(error);
      throw error;
    } finally {
      this.#progress.delete(key);
    }
  }

  async #pullFirst(
    candidates: readonly Reference[],
    request: PullRequest,
    progress: PullProgress,
  ): Promise<string> {
    const { lifetime, progressTimeoutMs } = this.#parts;
    let failure: unknown;
    for (const candidate of candidates) {
      try {
        progress.start(formatReference(candidate));
        return await withSilenceLimit(
          { progress, candidate, limitMs: progressTimeoutMs },
          lifetime,
          (signal) => this.#pullOne(candidate, request, progress, signal),
        );
      } catch (cause) {
        lifetime.throwIfAborted();
        failure ??= cause;
        // A registry that does not know a short name often says that one may not ask.
        const mayBeElsewhere = ['not-found', 'unauthenticated', 'permission-denied'] as const;
        if (!mayBeElsewhere.some((kind) => hasKind(cause, kind))) throw cause;
      }
    }
    throw failure;
  }

  async #pullOne(
    reference: Reference,
    { credentials, namespace }: PullRequest,
    progress: PullProgress,
    signal: AbortSignal,
  ): Promise<string> {
    const store = (remote: RemoteImage): Promise<string> => {
      progress.readsDocuments();
      return this.#store({ reference, remote, namespace }, progress, signal);
    };
    return this.#parts.registry.withImage({ ...reference, credentials, namespace }, store, signal);
  }

  async #store(
    { reference, remote, namespace }: FoundImage,
    progress: PullProgress,
    signal: AbortSignal,
  ): Promise<string> {
    const { platform, catalog, writer } = this.#parts;
    const selected = await selectManifest(remote.manifest, platform, async (entry) => {
      const manifest = await remote.readManifest(entry, signal);
      progress.readsDocuments();
      return manifest;
    });
    // Before anything else of the image is read: what is refused is not looked at.
    const manifestDigest = digestOf(selected.bytes);
    const asked = { reference, manifestDigest, remote, namespace };
    const signatures = await admitPulled(this.#parts, asked, signal);
    progress.readsDocuments();
    const config = await this.#readConfig(remote, selected.image.config, signal);
    const plain = contentsOf(selected, config, namesOf(reference, remote), remote.openBlob);
    const contents = { ...plain, signatures };
    const imageId = await writer.write(contents, progress, signal);
    catalog.announce(imageId, contents.parsedConfig.config.user);
    return imageId;
  }

  /** The store's own copy is as good as the registry's, and nearer. */
  async #readConfig(
    remote: RemoteImage,
    descriptor: BlobDescriptor,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { records } = this.#parts;
    const imageId = descriptor.digest.slice('sha256:'.length);
    if (records.get(imageId) !== undefined) {
      const stored = await records.readConfig(imageId).catch(() => undefined);
      if (stored !== undefined && digestOf(stored) === descriptor.digest) return stored;
    }
    return readBlob(await remote.openBlob(descriptor, signal), descriptor);
  }
}

/**
 * The names to record: for a digest just that, as CRI wants no tags then; for a tag also the digest that it stands for
 * now, which for a multi-platform image is the list's: the one that a user sees and can pull by on any node.
 */
function namesOf(reference: Reference, remote: RemoteImage): string[] {
  const name = formatReference(reference);
  if ('digest' in reference.version) return [name];
  return [name, `${formatRepository(reference.repository)}@${remote.manifest.digest}`];
}

/** Who asks: credentials, and the namespace, which may have others. */
function hashOf({ credentials, namespace }: PullRequest): string {
  const text = JSON.stringify([namespace, Object.entries(credentials ?? {}).sort()]);
  return createHash('sha256').update(text).digest('hex');
}

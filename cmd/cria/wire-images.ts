// The store and the images in it: the part of the daemon that `cria image` uses too.

import type { Config } from '../../internal/config/options.ts';
import { parseDurationMs } from '../../internal/config/quantities.ts';
import { hostPlatform } from '../../internal/image/platform.ts';
import type { PullWatcher } from '../../internal/image/pull-progress.ts';
import { StoredImages } from '../../internal/image/stored-images.ts';
import { defaultUnpackLimits } from '../../internal/image/unpack-limits.ts';
import type { Logger } from '../../internal/log/logger.ts';
import type { CommandRunner } from '../../internal/process/command-runner.ts';
import type { Store, StoreOptions } from '../../internal/storage/open-store.ts';
import { wirePolicy } from './wire-policy.ts';
import { wireRegistry } from './wire-registry.ts';
import { openConfiguredStore } from './wire-store.ts';

/** Layers that are unpacked at once: more than the cores of a small node only makes each slower. */
const unpacksAtOnce = 2;

export interface ImageParts {
  readonly store: Store;
  readonly images: StoredImages;
  /** Reads registries.conf again and takes over the pinned images; throws and changes nothing when the file is broken. */
  follow(config: Config): Promise<void>;
}

export interface ImageSurroundings {
  /** Runs credential helpers and checks signatures. */
  readonly runner: CommandRunner;
  readonly logger: Logger;
  /** Ends running pulls. */
  readonly lifetime: AbortSignal;
  /** Told of every pull. */
  readonly pullWatchers?: readonly PullWatcher[];
  /** What the store is opened for; by default for the daemon. */
  readonly use?: Pick<StoreOptions, 'isDaemon'>;
}

/** Opens the store and all that images need. */
export async function wireImages(
  config: Config,
  { runner, logger, lifetime, pullWatchers = [], use = {} }: ImageSurroundings,
): Promise<ImageParts> {
  const { registry, registries, transport } = await wireRegistry(config, runner, logger);
  const store = await openConfiguredStore(config, logger, use);
  const parts = {
    layers: store.layers,
    records: store.images,
    registry,
    policy: wirePolicy(config, runner, transport),
    shortNames: registries,
    logger,
    pullWatchers,
    lifetime,
  };
  const images = new StoredImages(parts, {
    limits: defaultUnpackLimits,
    unpacksAtOnce,
    platform: hostPlatform(),
    shortNameMode: config.image.short_name_mode,
    progressTimeoutMs: parseDurationMs(config.image.pull_progress_timeout) ?? 0,
    pinnedImages: pinnedOf(config.image),
  });
  await images.ready();
  return {
    store,
    images,
    async follow({ image }) {
      await registries.reload();
      images.setPinnedImages(pinnedOf(image));
    },
  };
}

function pinnedOf({ pinned_images: pinned, pause_image: pause }: Config['image']): readonly string[] {
  return [...pinned, pause];
}

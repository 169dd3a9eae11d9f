// The store and the images in it: the part of the daemon that `cria image` uses too.

import type { Config } from '../../internal/config/options.ts';
import { parseDurationMs } from '../../internal/config/quantities.ts';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import { logPulls } from '../../internal/image/log-pulls.ts';
import { hostPlatform } from '../../internal/image/platform.ts';
import { StoredImages } from '../../internal/image/stored-images.ts';
import { defaultUnpackLimits } from '../../internal/image/unpack-limits.ts';
import type { Logger } from '../../internal/log/logger.ts';
import type { CommandRunner } from '../../internal/process/command-runner.ts';
import { openStore, type Store } from '../../internal/storage/open-store.ts';
import { wirePolicy } from './wire-policy.ts';
import { wireRegistry } from './wire-registry.ts';

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
}

/** Opens the store and all that images need. */
export async function wireImages(
  config: Config,
  { runner, logger, lifetime }: ImageSurroundings,
): Promise<ImageParts> {
  const { registry, registries, transport } = await wireRegistry(config, runner, logger);
  const { root, runroot } = config.crio;
  const store = await openStore({ graphRoot: root, runRoot: runroot, logger }).catch((cause: unknown) => {
    if (cause instanceof DaemonError) throw cause;
    throw new DaemonError('failed-precondition', `image store ${root} cannot be opened`, cause);
  });
  const parts = {
    layers: store.layers,
    records: store.images,
    registry,
    policy: wirePolicy(config, runner, transport),
    shortNames: registries,
    logger,
    pullListener: logPulls(logger),
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

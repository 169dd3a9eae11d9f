// What the product's images consist of when a test is about something else: an open policy, no short names, no registry.

import type { StoredImagesOptions, StoredImagesParts } from '../../internal/image/stored-images.ts';
import { defaultUnpackLimits } from '../../internal/image/unpack-limits.ts';
import { silentLogger } from '../../internal/log/logger.ts';
import type { Registry } from '../../internal/registry/registry.ts';
import { openPolicy } from './open-policy.ts';
import { noShortNames } from './registry-client.ts';

type Store = Pick<StoredImagesParts, 'layers' | 'records'>;

const noRegistry: Registry = { withImage: () => Promise.reject(new Error('no registry in this test')) };

export function imageParts(store: Store, changes: Partial<StoredImagesParts> = {}): StoredImagesParts {
  return {
    ...store,
    registry: noRegistry,
    policy: openPolicy,
    shortNames: noShortNames,
    logger: silentLogger,
    pullWatchers: [],
    lifetime: new AbortController().signal,
    ...changes,
  };
}

/** A node that runs the images of `makeImage`. */
export const imageOptions: StoredImagesOptions = {
  limits: defaultUnpackLimits,
  unpacksAtOnce: 2,
  platform: { os: 'linux', architecture: 'amd64', variant: 'v1' },
  shortNameMode: 'enforcing',
  progressTimeoutMs: 0,
  pinnedImages: [],
};

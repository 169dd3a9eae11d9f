// Where everything lies in a containers/storage root with the overlay driver.

import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';

/** 64 lower-case hex digits: what every id in the store is, and what keeps an id from being a path. */
export function isStoreId(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/**
 * The file name of a big-data key. A key of digits, lower-case letters and dots stands for itself; any other is
 * base64, after `=`. A `/` in the base64 would name another directory, so such a key has no file.
 */
export function bigDataFileName(key: string): string {
  if (/^[0-9a-z][.0-9a-z]*$/.test(key)) return key;
  const name = `=${Buffer.from(key).toString('base64')}`;
  if (name.includes('/')) throw new Error(`big-data key "${key}" has no file name`);
  return name;
}

/** Beside `path`, under a name by which containers/storage knows what a writer that was killed has left. */
export function temporaryPath(path: string): string {
  const noun = basename(path).replace(/^volatile-/, '');
  return join(dirname(path), `.tmp-${noun}${randomBytes(6).toString('hex')}`);
}

export interface StorePaths {
  readonly graphRoot: string;
  readonly runRoot: string;
  /** The driver's home, `<graphroot>/overlay`. */
  readonly overlay: string;
  readonly links: string;
  /** Directories of unfinished work and of deferred deletion, each with a lock file that its owner holds. */
  readonly tempDirs: string;
  readonly layers: string;
  readonly images: string;
  readonly containers: string;
  layer(layerId: string): string;
  diff(layerId: string): string;
  tarSplit(layerId: string): string;
  imageData(imageId: string, key: string): string;
}

export function storePaths(graphRoot: string, runRoot: string): StorePaths {
  const overlay = join(graphRoot, 'overlay');
  const layers = join(graphRoot, 'overlay-layers');
  const images = join(graphRoot, 'overlay-images');
  return {
    graphRoot,
    runRoot,
    overlay,
    links: join(overlay, 'l'),
    tempDirs: join(overlay, 'tempdirs'),
    layers,
    images,
    containers: join(graphRoot, 'overlay-containers'),
    layer: (layerId) => join(overlay, layerId),
    diff: (layerId) => join(overlay, layerId, 'diff'),
    tarSplit: (layerId) => join(layers, `${layerId}.tar-split.gz`),
    imageData: (imageId, key) => join(images, imageId, bigDataFileName(key)),
  };
}

// An additional image store: made by somebody else, shared by nodes or baked into a machine image. Nothing in it is
// written or locked, and it may be missing or come later.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '../async/wait-for.ts';
import { errnoCode } from '../errors/errno.ts';
import type { Logger } from '../log/logger.ts';
import type { ImageRecord } from './image-record.ts';
import { type JsonList, readList, type StoreRecord } from './json-list.ts';
import type { LayerRecord } from './layer-records.ts';
import { type StorePaths, storePaths } from './store-paths.ts';

export interface ReadOnlyStore {
  readonly paths: StorePaths;
  readonly layers: ReadOnlyList<LayerRecord>;
  readonly images: ReadOnlyList<ImageRecord>;
  /** One that does not answer is told, and not waited for until it does. */
  refresh(): Promise<void>;
}

/** A server in the same room answers within milliseconds. */
const usualPatienceMs = 2000;

export function openReadOnlyStore(root: string, logger: Logger, patienceMs = usualPatienceMs): ReadOnlyStore {
  const paths = storePaths(root, root);
  const layers = new ReadOnlyList<LayerRecord>(join(paths.layers, 'layers.json'), logger);
  const images = new ReadOnlyList<ImageRecord>(join(paths.images, 'images.json'), logger);
  let hangs = false;
  return {
    paths,
    layers,
    images,
    async refresh() {
      if (hangs) return;
      const look = layers.refresh().then(() => images.refresh());
      await waitFor(look, AbortSignal.timeout(patienceMs)).catch(() => {
        if (hangs) return;
        hangs = true;
        logger.warn({ root }, 'an additional image store does not answer; it counts as it was');
        void look.then(() => {
          hangs = false;
        });
      });
    },
  };
}

/** A list that others write. One that cannot be read is told once and counts as it was before. */
export class ReadOnlyList<R extends StoreRecord> {
  readonly #path: string;
  readonly #logger: Logger;
  #list: JsonList<R> = { records: new Map(), sources: new Map() };
  #seen = '';
  #generation = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  get generation(): number {
    return this.#generation;
  }

  get(id: string): R | undefined {
    return this.#list.records.get(id);
  }

  all(): R[] {
    return [...this.#list.records.values()];
  }

  /** One after the other, or an older look could end last. Not synchronous: the store may be a server's that hangs. */
  refresh(): Promise<void> {
    this.#last = this.#last.then(() => this.#refresh());
    return this.#last;
  }

  async #refresh(): Promise<void> {
    const seen = await stat(this.#path, { bigint: true }).then(
      ({ mtimeNs, ino, size }) => `${mtimeNs}:${ino}:${size}`,
      (cause) => errnoCode(cause) ?? 'unknown',
    );
    if (seen === this.#seen) return;
    this.#seen = seen;
    try {
      this.#list = await readList<R>(this.#path, { mayBeTorn: false, logger: this.#logger });
      this.#generation += 1;
    } catch (cause) {
      this.#logger.warn({ err: cause }, 'an additional image store cannot be read');
    }
  }
}

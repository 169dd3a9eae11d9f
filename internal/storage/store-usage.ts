// How much of the file system the store's images take.

import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StoreState } from './store-state.ts';

/** How long a caller waits for layers that were not counted yet: a big store takes seconds, an RPC must not. */
const patienceMs = 250;

/**
 * Counts the files of image layers. A layer never changes, so each is walked once, in the background; a container's own
 * layer belongs to the container's figures.
 */
export class InodeCounter {
  readonly #store: StoreState;
  readonly #known = new Map<string, number>();
  #counting: Promise<void> | undefined;

  constructor(store: StoreState) {
    this.#store = store;
  }

  /** The files of all layers that have been counted; those of a store just opened may come with a later call. */
  async count(): Promise<number> {
    const layers = this.#store.layers.all().filter((layer) => layer['diff-digest'] !== undefined);
    const ids = new Set(layers.map((layer) => layer.id));
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
    this.#counting ??= this.#countNew(ids).finally(() => {
      this.#counting = undefined;
    });
    await Promise.race([this.#counting, sleep(patienceMs, undefined, { ref: false })]);
    return [...this.#known.values()].reduce((sum, inodes) => sum + inodes, 0);
  }

  async #countNew(ids: ReadonlySet<string>): Promise<void> {
    for (const id of ids) {
      if (this.#known.has(id)) continue;
      this.#known.set(id, await countTree(Buffer.from(this.#store.homeOf(id).diff(id))));
    }
  }
}

/** Entries below and including a directory; one that another tool deletes meanwhile counts as far as it was read. */
async function countTree(root: Buffer): Promise<number> {
  const waiting = [root];
  let total = 0;
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const entries = await readdir(path, { withFileTypes: true, encoding: 'buffer' }).catch(() => []);
    total += 1;
    for (const entry of entries) {
      if (entry.isDirectory()) waiting.push(Buffer.concat([path, Buffer.from('/'), entry.name]));
      else total += 1;
    }
  }
  return total;
}

// How much of the file system the store's images take.

import { readdir } from 'node:fs/promises';
import type { StoreState } from './store-state.ts';

/**
 * Counts the files of image layers. A layer never changes, so each is walked once; a container's own layer belongs to
 * the container's figures.
 */
export class InodeCounter {
  readonly #store: StoreState;
  readonly #known = new Map<string, number>();

  constructor(store: StoreState) {
    this.#store = store;
  }

  async count(): Promise<number> {
    const layers = this.#store.layers.all().filter((layer) => layer['diff-digest'] !== undefined);
    const ids = new Set(layers.map((layer) => layer.id));
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
    let total = 0;
    for (const id of ids) {
      const inodes = this.#known.get(id) ?? (await countTree(Buffer.from(this.#store.paths.diff(id))));
      this.#known.set(id, inodes);
      total += inodes;
    }
    return total;
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

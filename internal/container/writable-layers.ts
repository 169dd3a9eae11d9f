// The sizes of containers' writable layers. Nobody counts them as they grow, so their files are walked, one layer after
// the other in the background; who asks gets the last result with its time.

import { measureTree, type TreeUsage } from '../fs/tree-usage.ts';

export interface LayerPlace {
  /** The overlay's upper directory. */
  readonly path: string;
  /** Of the store, as ImageFsInfo names it. */
  readonly mountpoint: string;
}

export interface LayerUsage extends TreeUsage {
  readonly mountpoint: string;
  /** When the walk ended, since the epoch. */
  readonly atNanos: bigint;
}

interface Known {
  usage: LayerUsage | undefined;
  walk: Promise<LayerUsage> | undefined;
  nextAtMs: number;
}

const restMs = 10_000;
/** A walk may take this part of the time: one that lasts 2 s is repeated after 40 s. */
const restPerWalk = 20;

/** Remembers the sizes for as long as their subjects live, and walks at most one layer at a time. */
export class WritableLayers {
  readonly #known = new WeakMap<object, Known>();
  /** The walks, one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  /** The last usage of the subject's layer; the first caller waits for a walk. Rejects when the first walk fails. */
  async usage(subject: object, place: LayerPlace): Promise<LayerUsage> {
    const known = this.#known.get(subject) ?? { usage: undefined, walk: undefined, nextAtMs: 0 };
    this.#known.set(subject, known);
    if (known.walk === undefined && performance.now() >= known.nextAtMs) this.#begin(known, place);
    return known.usage ?? (known.walk as Promise<LayerUsage>);
  }

  #begin(known: Known, place: LayerPlace): void {
    const walk = this.#last.then(() => walkLayer(place));
    this.#last = walk.then(
      ({ tookMs }) => {
        known.nextAtMs = performance.now() + Math.max(restMs, tookMs * restPerWalk);
      },
      () => {},
    );
    known.walk = walk.then(({ usage }) => usage);
    known.walk
      .then((usage) => {
        known.usage = usage;
      })
      .catch(() => {}) // told to the first caller; later ones keep the old value until a walk succeeds
      .finally(() => {
        known.walk = undefined;
      });
  }
}

async function walkLayer({ path, mountpoint }: LayerPlace): Promise<{ usage: LayerUsage; tookMs: number }> {
  const startMs = performance.now();
  const { bytes, inodes } = await measureTree(path);
  const usage = { bytes, inodes, mountpoint, atNanos: BigInt(Date.now()) * 1_000_000n };
  return { usage, tookMs: performance.now() - startMs };
}

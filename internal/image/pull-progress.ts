// What a pull that runs tells those who watch it: which layers it needs and how many of their bytes have come.

import type { Digest } from '../registry/registry.ts';

export interface PullLayer {
  /** Of the blob; of the layer's contents where the source knows no blob (docker archives). */
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly mediaType: string;
  /** The store has it already: nothing is fetched. */
  readonly isPresent: boolean;
}

/**
 * In this order: `started` (again for each full name that a short one is tried as), `layers` (again when a mirror failed
 * and the next place is tried), any number of `received` and `unpacked`, then `done` or `failed`. Layers are named by their
 * index in `layers`, base first. Who joins a running pull is told first what was told before, shortened to the last state of
 * each layer.
 */
export type PullEvent =
  | { readonly kind: 'started'; readonly image: string }
  | { readonly kind: 'layers'; readonly image: string; readonly layers: readonly PullLayer[] }
  /** At most one in `receivedEventMs` for each layer, and one when its last byte has come. */
  | {
      readonly kind: 'received';
      readonly image: string;
      readonly layer: number;
      readonly receivedBytes: number;
    }
  /** Fetched and unpacked, by this pull or by another one that needed it too. */
  | { readonly kind: 'unpacked'; readonly image: string; readonly layer: number }
  | { readonly kind: 'done'; readonly image: string; readonly imageId: string }
  | { readonly kind: 'failed'; readonly image: string; readonly error: unknown };

/** Called at once and must not throw; what it does delays the pull. */
export type PullListener = (event: PullEvent) => void;

/** Makes the listener of one pull, which has ended after `done` or `failed`. */
export type PullWatcher = () => PullListener;

const receivedEventMs = 200;

/** The progress of one pull or load. */
export class PullProgress {
  readonly #listeners: Set<PullListener>;
  #image = '';
  #layers: readonly PullLayer[] | undefined;
  readonly #received = new Map<number, number>();
  readonly #unpacked = new Set<number>();
  #readsDocuments = false;
  #waits = 0;
  #heardAtMs = 0;

  constructor(listeners: readonly PullListener[]) {
    this.#listeners = new Set(listeners);
  }

  /** Tells `listener` what happened so far and what happens from now on, until the returned function is called. */
  listen(listener: PullListener): () => void {
    if (this.#image !== '') listener({ kind: 'started', image: this.#image });
    if (this.#layers !== undefined) listener({ kind: 'layers', image: this.#image, layers: this.#layers });
    for (const [layer, receivedBytes] of this.#received)
      listener({ kind: 'received', image: this.#image, layer, receivedBytes });
    for (const layer of this.#unpacked) listener({ kind: 'unpacked', image: this.#image, layer });
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** How long the source has been asked for something and gave nothing; 0 while nothing is asked of it. */
  get silentMs(): number {
    return this.#readsDocuments || this.#waits > 0 ? performance.now() - this.#heardAtMs : 0;
  }

  start(image: string): void {
    this.#image = image;
    this.#layers = undefined;
    this.#received.clear();
    this.#unpacked.clear();
    this.readsDocuments();
    this.#tell({ kind: 'started', image });
  }

  /** The source gave a document, and is asked for more until `begin`. */
  readsDocuments(): void {
    this.#readsDocuments = true;
    this.#heardAtMs = performance.now();
  }

  begin(layers: readonly PullLayer[]): void {
    this.#readsDocuments = false;
    this.#layers = layers;
    this.#received.clear();
    this.#unpacked.clear();
    this.#tell({ kind: 'layers', image: this.#image, layers });
  }

  /** Waits for an answer of the source; the time counts as silence. */
  async waitFor<T>(answer: Promise<T>): Promise<T> {
    if (this.#waits === 0) this.#heardAtMs = performance.now();
    this.#waits += 1;
    try {
      return await answer;
    } finally {
      this.#waits -= 1;
      this.#heardAtMs = performance.now();
    }
  }

  /** Passes the layer's bytes on and counts them. */
  async *receive(layer: number, blob: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let receivedBytes = 0;
    let toldAtMs = performance.now();
    const tell = (): void => {
      this.#received.set(layer, receivedBytes);
      this.#tell({ kind: 'received', image: this.#image, layer, receivedBytes });
    };
    const iterator = blob[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.waitFor(iterator.next());
        if (next.done === true) break;
        receivedBytes += next.value.length;
        yield next.value;
        const nowMs = performance.now();
        if (nowMs - toldAtMs < receivedEventMs) continue;
        toldAtMs = nowMs;
        tell();
      }
      tell();
    } finally {
      await iterator.return?.();
    }
  }

  unpacked(layer: number): void {
    if (this.#unpacked.has(layer)) return;
    this.#unpacked.add(layer);
    this.#tell({ kind: 'unpacked', image: this.#image, layer });
  }

  done(imageId: string): void {
    for (const [layer, { isPresent }] of (this.#layers ?? []).entries()) if (!isPresent) this.unpacked(layer);
    this.#tell({ kind: 'done', image: this.#image, imageId });
  }

  failed(error: unknown): void {
    this.#tell({ kind: 'failed', image: this.#image, error });
  }

  #tell(event: PullEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

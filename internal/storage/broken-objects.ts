// What a check found to be damaged beyond use. It is left on disk and counts as absent: an image on it is not listed, so
// that the kubelet pulls it again, which puts a good one in its place.

import type { LayerRecord } from './layer-records.ts';

export class BrokenObjects {
  /** By layer id, the time of creation: a layer that another tool has stored anew has another one. */
  readonly #layers = new Map<string, string | undefined>();
  readonly #images = new Set<string>();
  #generation = 0;

  /** Rises with each change. */
  get generation(): number {
    return this.#generation;
  }

  get images(): ReadonlySet<string> {
    return this.#images;
  }

  isBroken({ id, created }: LayerRecord): boolean {
    return this.#layers.has(id) && this.#layers.get(id) === created;
  }

  addLayer({ id, created }: LayerRecord): void {
    this.#layers.set(id, created);
    this.#generation += 1;
  }

  addImage(imageId: string): void {
    this.#images.add(imageId);
    this.#generation += 1;
  }

  /** The layer was stored anew. */
  mendedLayer(layerId: string): void {
    if (this.#layers.delete(layerId)) this.#generation += 1;
  }

  mendedImage(imageId: string): void {
    if (this.#images.delete(imageId)) this.#generation += 1;
  }
}

// The images as others see them, made once per change of the lists.

import { documentSize, type ImageRecord } from './image-record.ts';
import type { LayerForest } from './layer-records.ts';
import type { Digest, StoredImage } from './store.ts';
import type { StoreState } from './store-state.ts';

interface Listing {
  readonly key: string;
  readonly images: readonly StoredImage[];
  readonly byId: ReadonlyMap<string, StoredImage>;
}

export class ImageListing {
  readonly #store: Pick<StoreState, 'images' | 'forest' | 'additional' | 'broken'>;
  #listing: Listing | undefined;

  constructor(store: Pick<StoreState, 'images' | 'forest' | 'additional' | 'broken'>) {
    this.#store = store;
  }

  all(): readonly StoredImage[] {
    return this.#current().images;
  }

  get(imageId: string): StoredImage | undefined {
    return this.#current().byId.get(imageId);
  }

  #current(): Listing {
    const { images, forest, additional, broken } = this.#store;
    const lists = [images, ...additional.map((store) => store.images)];
    const key = [forest.generation, ...lists.map((list) => list.generation)].join(' ');
    if (this.#listing?.key === key) return this.#listing;
    const byId = new Map<string, StoredImage>();
    for (const list of lists) {
      for (const record of list.all()) {
        const isKnown = byId.has(record.id) || (list === images && broken.images.has(record.id));
        const image = isKnown ? undefined : listedImage(record, forest, list !== images);
        if (image !== undefined) byId.set(image.id, image);
      }
    }
    this.#listing = { key, images: [...byId.values()], byId };
    return this.#listing;
  }
}

/** Undefined when a layer is gone, as by a power loss. Not listed, it is pulled again, which makes it whole. */
function listedImage(record: ImageRecord, forest: LayerForest, readOnly: boolean): StoredImage | undefined {
  const chain = record.layer ? forest.chain(record.layer) : [];
  if (chain === undefined) return undefined;
  const layerBytes = chain.reduce((sum, layer) => sum + Math.max(0, layer['diff-size'] ?? 0), 0);
  const createdAt = new Date(record.created ?? 0);
  return {
    id: record.id,
    manifestDigest: digestOf(record.digest),
    names: record.names ?? [],
    topLayerId: record.layer || undefined,
    createdAt: Number.isNaN(createdAt.getTime()) ? new Date(0) : createdAt,
    sizeBytes: Math.max(1, layerBytes + documentSize(record)),
    readOnly,
  };
}

function digestOf(text: string | undefined): Digest | undefined {
  return text !== undefined && /^sha256:[0-9a-f]{64}$/.test(text) ? (text as Digest) : undefined;
}

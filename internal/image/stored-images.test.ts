import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { imageOptions, imageParts } from '../../test/fakes/image-parts.ts';
import { makeImage } from '../../test/fakes/made-image.ts';
import { MemoryLayerStore } from '../../test/fakes/memory-layer-store.ts';
import { StoredImages } from './stored-images.ts';

const never = new AbortController().signal;

class SlowStore extends MemoryLayerStore {
  /** What another tool stored and this process has not read yet. */
  unseen: (() => Promise<unknown>) | undefined;
  /** Nobody gets a config before. */
  readonly #isReadable: Promise<void>;
  readable = (): void => {};

  constructor() {
    super();
    this.#isReadable = new Promise((resolve) => {
      this.readable = resolve;
    });
  }

  override async refresh(): Promise<void> {
    await this.unseen?.();
    this.unseen = undefined;
  }

  override async readConfig(imageId: string): Promise<Uint8Array> {
    await this.#isReadable;
    return super.readConfig(imageId);
  }
}

let store: SlowStore;
let images: StoredImages;

beforeEach(() => {
  store = new SlowStore();
  images = new StoredImages(imageParts({ layers: store, records: store }), imageOptions);
});

afterEach(() => store.readable());

function storedElsewhere(): Promise<unknown> {
  const { id, manifest, manifestDigest, config } = makeImage();
  const digests = { manifestDigest, configDigest: `sha256:${id}` as const };
  const names = ['r.io/a:v1'];
  return store.create({
    id,
    manifest,
    config,
    names,
    ...digests,
    topLayerId: undefined,
    createdAt: new Date(0),
    signatures: [],
  });
}

test('ready waits until every image is known, while refresh does not wait long', async () => {
  store.unseen = storedElsewhere;
  await images.refresh();
  assert.deepEqual(images.list(), []);
  const ready = images.ready();
  assert.deepEqual(images.list(), []);
  store.readable();
  await ready;
  assert.deepEqual(
    images.list().map(({ repoTags }) => repoTags),
    [['r.io/a:v1']],
  );
});

test('an image that another tool has just stored is removed, not taken for absent', async () => {
  store.unseen = storedElsewhere;
  await images.remove('r.io/a:v1', never);
  assert.equal(store.images.size, 0);
});

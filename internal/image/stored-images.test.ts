import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeImage } from '../../test/fakes/made-image.ts';
import { MemoryLayerStore } from '../../test/fakes/memory-layer-store.ts';
import { openPolicy } from '../../test/fakes/open-policy.ts';
import { noShortNames } from '../../test/fakes/registry-client.ts';
import { silentLogger } from '../log/logger.ts';
import { StoredImages } from './stored-images.ts';
import { defaultUnpackLimits } from './unpack-limits.ts';

const never = new AbortController().signal;
const slowMs = 700;

class SlowStore extends MemoryLayerStore {
  /** What another tool stored and this process has not read yet. */
  unseen: (() => Promise<unknown>) | undefined;

  override async refresh(): Promise<void> {
    await this.unseen?.();
    this.unseen = undefined;
  }

  override async readConfig(imageId: string): Promise<Uint8Array> {
    await sleep(slowMs);
    return super.readConfig(imageId);
  }
}

let store: SlowStore;
let images: StoredImages;

beforeEach(() => {
  store = new SlowStore();
  images = new StoredImages(
    {
      layers: store,
      records: store,
      policy: openPolicy,
      registry: { withImage: () => Promise.reject(new Error('no registry in this test')) },
      shortNames: noShortNames,
      logger: silentLogger,
      pullWatchers: [],
      lifetime: never,
    },
    {
      limits: defaultUnpackLimits,
      unpacksAtOnce: 2,
      platform: { os: 'linux', architecture: 'amd64', variant: 'v1' },
      shortNameMode: 'enforcing',
      progressTimeoutMs: 0,
      pinnedImages: [],
    },
  );
});

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
  await images.ready();
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

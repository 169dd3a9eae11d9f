import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { makeImage } from '../../test/fakes/made-image.ts';
import { MemoryLayerStore } from '../../test/fakes/memory-layer-store.ts';
import { noShortNames } from '../../test/fakes/registry-client.ts';
import { silentLogger } from '../log/logger.ts';
import { ImageCatalog } from './image-catalog.ts';
import { pinnedBy } from './pinned-images.ts';

let store: MemoryLayerStore;
let catalog: ImageCatalog;

beforeEach(() => {
  store = new MemoryLayerStore();
  const shortNames = { ...noShortNames, searchRegistries: () => ['r.io'] };
  catalog = new ImageCatalog({ records: store, shortNames, logger: silentLogger }, pinnedBy(['*pause*']));
});

/** Another tool's way to store an image: only the tag, and nobody tells the catalog. */
async function storeBehindItsBack(user: string, ...names: readonly string[]): Promise<string> {
  const { id, manifest, manifestDigest, config } = makeImage({ user });
  const [topLayerId, createdAt] = [undefined, new Date(0)];
  await store.create({
    id,
    manifest,
    manifestDigest,
    config,
    configDigest: `sha256:${id}`,
    names,
    topLayerId,
    createdAt,
    signatures: [],
  });
  return id;
}

test('an image of another tool is shown with its user after a refresh', async () => {
  const id = await storeBehindItsBack('www-data:1004', 'r.io/a:v1');
  assert.deepEqual(catalog.list(), []);
  await catalog.refresh();
  const [image] = catalog.list();
  assert.equal(image?.id, id);
  assert.equal(image?.username, 'www-data');
  assert.equal(image?.uid, undefined);
  const digest = store.get(id)?.manifestDigest;
  assert.deepEqual(image?.repoDigests, [`r.io/a@${digest}`]);
});

test('an image with a broken config is listed, as root', async () => {
  const id = await storeBehindItsBack('x', 'r.io/a:v1');
  store.images.set(id, { ...store.images.get(id)!, config: Buffer.from('{') });
  await catalog.refresh();
  assert.deepEqual(
    catalog.list().map(({ uid, username }) => ({ uid, username })),
    [{ uid: undefined, username: '' }],
  );
});

test('find gives the same image for id, prefix, tag, digest and short name', async () => {
  const id = await storeBehindItsBack('', 'r.io/a:v1', 'docker.io/library/b:latest', 'localhost/c:x');
  await catalog.refresh();
  const image = catalog.find(id);
  assert.ok(image);
  const digest = store.get(id)?.manifestDigest;
  const same = [
    `sha256:${id}`,
    id.slice(0, 3),
    'r.io/a:v1',
    `r.io/a@${digest}`,
    `r.io/a:other@${digest}`,
    'a:v1',
    'b',
    'library/b:latest',
    'docker.io/b',
    'c:x',
  ];
  for (const reference of same) assert.deepEqual(catalog.find(reference), image, reference);
  const other = ['', 'r.io/a', 'r.io/a:v2', `r.io/z@${digest}`, 'f'.repeat(64), 'no such', id.slice(0, 2)];
  for (const reference of other) assert.equal(catalog.find(reference), undefined, reference);
});

test('a name wins over an id that begins like it', async () => {
  const first = await storeBehindItsBack('1');
  const named = await storeBehindItsBack('2', `r.io/${first.slice(0, 6)}:latest`);
  await catalog.refresh();
  assert.equal(catalog.find(first.slice(0, 6))?.id, named);
  assert.equal(catalog.find(first.slice(0, 8))?.id, first);
});

test('a prefix of two ids names none of them', async () => {
  const id = await storeBehindItsBack('1');
  const twin = `${id.slice(0, 8)}${'0'.repeat(56)}`;
  store.images.set(twin, { ...store.images.get(id)!, id: twin });
  await catalog.refresh();
  assert.equal(catalog.find(id.slice(0, 8)), undefined);
  assert.equal(catalog.find(id.slice(0, 20))?.id, id);
});

test('names that are no references are not shown', async () => {
  const id = await storeBehindItsBack('', '<none>', 'r.io/pause:v1', 'UPPER CASE');
  await catalog.refresh();
  assert.deepEqual(catalog.find(id)?.repoTags, ['r.io/pause:v1']);
  assert.equal(catalog.find(id)?.pinned, true);
  catalog.setPinned(pinnedBy([]));
  assert.equal(catalog.find(id)?.pinned, false);
});

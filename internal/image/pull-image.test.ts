import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeImage, makeList } from '../../test/fakes/made-image.ts';
import { layersOf, usePullWorld } from '../../test/fixtures/memory-pulls.ts';

const world = usePullWorld();

describe('pull', () => {
  it('stores an image by tag with its tag and digest', async () => {
    const image = makeImage({ layers: layersOf(5), user: '1002' });
    world.server.add(image, 'v1');
    assert.equal(await world.pull('a/b:v1'), image.id);
    const shown = world.images.find(world.at('a/b:v1'));
    assert.deepEqual(shown?.repoTags, [world.at('a/b:v1')]);
    assert.deepEqual(shown?.repoDigests, [world.at(`a/b@${image.manifestDigest}`)]);
    assert.equal(shown?.uid, 1002);
    assert.equal(world.store.layers.size, 5);
    assert.equal(world.store.staged.size, 0);
    assert.ok(world.store.mostStagingsAtOnce <= 2);
  });

  it('takes latest when there is no tag', async () => {
    const image = makeImage();
    world.server.add(image, 'latest');
    await world.pull('a/b');
    assert.deepEqual(world.images.find(image.id)?.repoTags, [world.at('a/b:latest')]);
  });

  it('by digest records no tag and exactly this digest', async () => {
    const image = makeImage({ docker: true });
    world.server.add(image);
    await world.pull(`a/b@${image.manifestDigest}`);
    assert.deepEqual(world.images.list()[0]?.repoTags, []);
    assert.deepEqual(world.images.list()[0]?.repoDigests, [world.at(`a/b@${image.manifestDigest}`)]);
  });

  it('chooses the platform of a list and is found by list and instance digest', async () => {
    const [here, there] = [makeImage(), makeImage({ architecture: 's390x', user: 'x' })];
    const list = makeList([
      { image: there, architecture: 's390x' },
      { image: here, architecture: 'amd64' },
    ]);
    world.server.add(here);
    world.server.add(there);
    world.server.addList(list, 'multi');
    assert.equal(await world.pull('a/b:multi'), here.id);
    const shown = world.images.find(here.id);
    assert.deepEqual(shown?.repoDigests, [world.at(`a/b@${list.digest}`)]);
    assert.deepEqual(world.images.find(world.at(`a/b@${list.digest}`)), shown);
    assert.deepEqual(world.images.find(world.at(`a/b@${here.manifestDigest}`)), shown);
    assert.deepEqual(world.images.find(here.id.slice(0, 12)), shown);
  });

  it('moves a tag to the new image and leaves the old one its digest', async () => {
    const [first, second] = [makeImage({ user: 'a' }), makeImage({ user: 'b' })];
    world.server.add(first, 'v1');
    await world.pull('a/b:v1');
    world.server.add(second, 'v1');
    await world.pull('a/b:v1');
    assert.deepEqual(world.images.find(first.id)?.repoTags, []);
    assert.deepEqual(world.images.find(second.id)?.repoTags, [world.at('a/b:v1')]);
  });

  it('fetches nothing but the manifest for an image that is there', async () => {
    const image = makeImage({ layers: layersOf(3) });
    world.server.add(image, 'v1', 'v2');
    await world.pull('a/b:v1');
    world.server.requests.length = 0;
    await world.pull('a/b:v2');
    assert.deepEqual(
      world.server.requests.filter((request) => request.includes('blobs')),
      [],
    );
    assert.deepEqual(world.images.find(image.id)?.repoTags, [world.at('a/b:v1'), world.at('a/b:v2')]);
    assert.equal(world.store.stagings, 3);
  });

  it('goes on when its caller gives up, and the next pull succeeds', async () => {
    const image = makeImage();
    world.server.add(image, 'v1');
    const caller = new AbortController();
    world.server.intercept = (_request, _response, path) => {
      if (path.includes('manifests')) caller.abort();
      return false;
    };
    await assert.rejects(world.pull('a/b:v1', caller.signal), { name: 'AbortError' });
    assert.equal(await world.pull('a/b:v1'), image.id);
    assert.equal(world.server.requests.filter((request) => request.includes('manifests')).length, 1);
  });
});

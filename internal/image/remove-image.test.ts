import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeImage } from '../../test/fakes/made-image.ts';
import { layersOf, never, usePullWorld } from '../../test/fixtures/memory-pulls.ts';

const world = usePullWorld();

describe('remove', () => {
  it('removes the image with all its names and layers', async () => {
    const image = makeImage({ layers: layersOf(3) });
    world.server.add(image, 'v1', 'v2');
    await world.pull('a/b:v1');
    await world.pull('c/d:v2');
    await Promise.all(
      Array.from({ length: 5 }, async () => {
        await world.images.remove(world.at('a/b:v1'), never);
        assert.equal(world.images.find(image.id), undefined);
      }),
    );
    world.assertNothingLeft();
    await world.images.remove(image.id, never);
  });

  it('names the container that uses the image', async () => {
    const image = makeImage();
    world.server.add(image, 'v1');
    await world.pull('a/b:v1');
    world.store.inUse.set(image.id, 'c1');
    await assert.rejects(world.images.remove(image.id, never), {
      kind: 'failed-precondition',
      message: /"c1"/,
    });
  });
});

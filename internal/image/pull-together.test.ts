import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeImage, makeTar } from '../../test/fakes/made-image.ts';
import { RegistryServer } from '../../test/fakes/registry-server.ts';
import { layersOf, never, usePullWorld } from '../../test/fixtures/memory-pulls.ts';
import { digestOf } from '../registry/digest.ts';
import type { PullEvent } from './pull-progress.ts';

const world = usePullWorld();

describe('pull of several at once', () => {
  it('shares the layers of another image', async () => {
    const layers = layersOf(3);
    world.server.add(makeImage({ layers: layers.slice(0, 2) }), 'base');
    world.server.add(makeImage({ layers }), 'full');
    await world.pull('a/b:base');
    await world.pull('a/b:full');
    assert.equal(world.store.stagings, 3);
  });

  it('unpacks a layer once that several images want at the same time', async () => {
    const layers = layersOf(6);
    const names = [2, 3, 4, 5].map((top) => {
      world.server.add(makeImage({ layers: [layers[0]!, layers[1]!, layers[top]!] }), `v${top}`);
      return `a/b:v${top}`;
    });
    await Promise.all(names.map((name) => world.pull(name)));
    assert.equal(world.images.list().length, 4);
    assert.equal(world.store.stagings, 6);
    assert.equal(world.store.staged.size, 0);
  });

  it('stores a shared layer itself when the other pull fails', async () => {
    const layers = layersOf(4);
    const doomed = makeImage({ layers: layers.slice(0, 3) });
    const image = makeImage({ layers: [layers[0]!, layers[1]!, layers[3]!] });
    world.server.add(doomed, 'doomed');
    world.server.add(image, 'v1');
    const lost = doomed.layerBlobs[2]!;
    world.server.intercept = (_request, response, path) => {
      if (!path.endsWith(digestOf(lost))) return false;
      setTimeout(() => response.writeHead(404).end(), 50);
      return true;
    };
    const [failed, stored] = await Promise.allSettled([world.pull('a/b:doomed'), world.pull('a/b:v1')]);
    assert.equal(failed.status, 'rejected');
    assert.deepEqual(stored, { status: 'fulfilled', value: image.id });
    assert.equal(world.store.layers.size, 3);
    assert.equal(world.store.staged.size, 0);
  });

  it('is not held up by images whose registry gives nothing', async () => {
    const stuck = await RegistryServer.start();
    let silences: Promise<unknown>[] = [];
    try {
      const slow = [1, 2, 3].map((number) => makeImage({ layers: [makeTar([{ name: `slow${number}` }])] }));
      for (const [number, image] of slow.entries()) stuck.add(image, `v${number}`);
      let opened = 0;
      let tellStuck = (): void => {};
      const allAreStuck = new Promise<void>((resolve) => {
        tellStuck = resolve;
      });
      stuck.intercept = (_request, response, path) => {
        const layer = slow.find(({ layerBlobs }) => path.endsWith(digestOf(layerBlobs[0]!)))?.layerBlobs[0];
        if (layer === undefined) return false;
        response.writeHead(200, { 'content-length': layer.length }).write(layer.subarray(0, 1));
        opened += 1;
        if (opened === slow.length) tellStuck();
        return true;
      };
      silences = slow.map((_, number) => {
        const reference = `${stuck.host}/a/b:v${number}`;
        return world.images.pull({ reference, credentials: undefined, namespace: '' }, never).catch(() => {});
      });
      await allAreStuck;
      const image = makeImage({ layers: layersOf(3) });
      world.server.add(image, 'v1');
      assert.equal(await world.pull('a/b:v1'), image.id);
    } finally {
      await stuck.close();
      await Promise.all(silences);
    }
  });

  it('joins the running pull of the same reference', async () => {
    world.server.add(makeImage(), 'v1');
    const ids = await Promise.all([world.pull('a/b:v1'), world.pull('a/b:v1'), world.pull('a/b:v1')]);
    assert.equal(new Set(ids).size, 1);
    assert.equal(world.server.requests.filter((request) => request.includes('manifests')).length, 1);
  });

  it('is told once to the daemon and to each caller that listens', async () => {
    const image = makeImage({ layers: layersOf(2) });
    world.server.add(image, 'v1');
    const heard: PullEvent[][] = [[], []];
    const pulls = heard.map((events) => {
      const listener = (event: PullEvent): void => void events.push(event);
      return world.images.pull(
        { reference: world.at('a/b:v1'), credentials: undefined, namespace: '', listener },
        never,
      );
    });
    await Promise.all(pulls);
    const kinds = world.told.map(({ kind }) => kind);
    assert.deepEqual(kinds.slice(0, 2), ['started', 'layers']);
    assert.equal(kinds.filter((kind) => kind === 'unpacked').length, 2);
    assert.equal(kinds.filter((kind) => kind === 'received').length, 2);
    assert.deepEqual(world.told.at(-1), { kind: 'done', image: world.at('a/b:v1'), imageId: image.id });
    for (const events of heard) assert.deepEqual(events, world.told);

    world.told.length = 0;
    await assert.rejects(world.pull('a/b:none'));
    assert.deepEqual(
      world.told.map(({ kind }) => kind),
      ['started', 'failed'],
    );
  });

  it('completes the image when another process removes a layer that it counted on', async () => {
    const layers = layersOf(3);
    world.server.add(makeImage({ layers: layers.slice(0, 1) }), 'base');
    world.server.add(makeImage({ layers }), 'full');
    const base = await world.pull('a/b:base');
    world.store.before = async (step) => {
      world.store.before = () => {};
      if (step === 'stage') await world.images.remove(base, never);
    };
    const full = await world.pull('a/b:full');
    assert.deepEqual(
      world.images.list().map(({ id }) => id),
      [full],
    );
    assert.equal(world.store.layers.size, 3);
  });
});

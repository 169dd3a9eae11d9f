import { describe, it } from 'node:test';
import { makeImage } from '../../test/fakes/made-image.ts';
import { layersOf, usePullWorld } from '../../test/fixtures/memory-pulls.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { digestOf } from '../registry/digest.ts';

const world = usePullWorld();

describe('pull from a hostile registry', () => {
  for (const step of ['stage', 'commit', 'create'] as const) {
    it(`leaves nothing when the store fails at ${step}`, async () => {
      world.server.add(makeImage({ layers: layersOf(4) }), 'v1');
      let calls = 0;
      world.store.before = (at) => {
        calls += at === step ? 1 : 0;
        if (at === step && (step !== 'stage' || calls === 3)) throw new DaemonError('internal', 'planted');
      };
      await world.assertRefused('a/b:v1', 'internal', /planted/);
    });
  }

  it('refuses a manifest of another digest', async () => {
    const [asked, given] = [makeImage(), makeImage({ user: 'evil' })];
    world.server.add(given);
    world.server.intercept = (_request, response, path) => {
      if (!path.includes('/manifests/')) return false;
      response.writeHead(200, { 'content-type': given.manifestType }).end(given.manifest);
      return true;
    };
    await world.assertRefused(`a/b@${asked.manifestDigest}`, 'failed-precondition', /document with digest/);
  });

  it('refuses a layer of another digest', async () => {
    const image = makeImage({ layers: layersOf(3) });
    world.server.add(image, 'v1');
    const blob = image.layerBlobs[1] ?? Buffer.alloc(0);
    world.server.addBlob(digestOf(blob), Buffer.alloc(blob.length, 7));
    await world.assertRefused('a/b:v1', 'failed-precondition', /blob digest/);
  });

  it('refuses a layer of another size', async () => {
    const image = makeImage({ layers: layersOf(3) });
    world.server.add(image, 'v1');
    const blob = image.layerBlobs[1] ?? Buffer.alloc(0);
    world.server.addBlob(digestOf(blob), Buffer.concat([blob, blob]));
    await world.assertRefused('a/b:v1', 'failed-precondition', /where the manifest says/);
  });

  it('stops at the size of the manifest when the registry does not say how much it sends', async () => {
    const image = makeImage();
    world.server.add(image, 'v1');
    world.server.intercept = (_request, response, path) => {
      if (!path.endsWith(digestOf(image.layerBlobs[0] ?? Buffer.alloc(0)))) return false;
      response.writeHead(200);
      const pour = (): boolean => response.write(Buffer.alloc(65536));
      response.on('drain', pour);
      pour();
      return true;
    };
    await world.assertRefused('a/b:v1', 'failed-precondition', /sent more bytes/);
  });

  it('refuses a config of another digest', async () => {
    const image = makeImage();
    world.server.add(image, 'v1');
    world.server.addBlob(digestOf(image.config), Buffer.alloc(image.config.length, 32));
    await world.assertRefused('a/b:v1', 'failed-precondition', /another size or digest/);
  });

  it('refuses a manifest of more than 4 MiB', async () => {
    world.server.addManifest(
      Buffer.alloc(5 * 1024 * 1024, 32),
      'application/vnd.oci.image.manifest.v1+json',
      'v1',
    );
    await world.assertRefused('a/b:v1', 'failed-precondition', /more than 4194304 bytes/);
  });

  it('refuses a document that is both list and image', async () => {
    const image = makeImage();
    const both = { ...(JSON.parse(image.manifest.toString()) as object), manifests: [] };
    world.server.addManifest(Buffer.from(JSON.stringify(both)), image.manifestType, 'v1');
    await world.assertRefused('a/b:v1', 'failed-precondition', /both a list and an image/);
  });

  it('says clearly that schema 1 is not supported', async () => {
    const type = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
    world.server.addManifest(Buffer.from('{"schemaVersion":1,"fsLayers":[]}'), type, 'v1');
    await world.assertRefused('a/b:v1', 'failed-precondition', /docker schema 1/);
  });

  it('says that an image is not there', async () => {
    await world.assertRefused('a/b:nothing', 'not-found', /manifest "nothing" of "a\/b" was not found/);
  });
});

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { makeImage } from '../../test/fakes/made-image.ts';
import { registryClient } from '../../test/fakes/registry-client.ts';
import { closedHost, RegistryServer } from '../../test/fakes/registry-server.ts';
import { layersOf, usePullWorld } from '../../test/fixtures/memory-pulls.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { silentLogger } from '../log/logger.ts';
import { digestOf } from '../registry/digest.ts';

const world = usePullWorld();

describe('pull through mirrors', () => {
  let mirror: RegistryServer;
  let dead: string;
  const warnings: object[] = [];

  beforeEach(async () => {
    [mirror, dead] = await Promise.all([RegistryServer.start(), closedHost()]);
    const endpoint = (host: string, isMirror: boolean) => ({
      repository: { host, path: 'a/b' },
      insecure: true,
      isMirror,
    });
    const registry = registryClient({
      transport: world.transport,
      routes: {
        endpoints: async () => [
          endpoint(dead, true),
          endpoint(mirror.host, true),
          endpoint(world.server.host, false),
        ],
      },
      logger: { ...silentLogger, warn: (fields) => void warnings.push(fields) },
    });
    world.pullsFrom(registry);
    warnings.length = 0;
  });

  afterEach(() => mirror.close());

  it('takes the next place when a mirror is down and one lies about a layer', async () => {
    const image = makeImage({ layers: layersOf(3) });
    mirror.add(image, 'v1');
    world.server.add(image, 'v1');
    const lie = image.layerBlobs[1]!;
    mirror.addBlob(digestOf(lie), Buffer.alloc(lie.length, 7));
    assert.equal(await world.pull('a/b:v1'), image.id);
    assert.deepEqual(world.images.find(image.id)?.repoTags, [world.at('a/b:v1')]);
    assert.equal(warnings.length, 2);
    assert.match(JSON.stringify(warnings[0]), /connection refused/);
    assert.match(JSON.stringify(warnings[1]), /digest/);
    assert.equal(world.store.staged.size, 0);
  });

  it('takes the next place when a mirror has the manifest but not a layer', async () => {
    const image = makeImage({ layers: layersOf(2) });
    mirror.addManifest(image.manifest, image.manifestType, 'v1');
    world.server.add(image, 'v1');
    assert.equal(await world.pull('a/b:v1'), image.id);
  });

  it('tells what each place said when all fail', async () => {
    mirror.intercept = (_request, response, path) => {
      if (path !== '/v2/') response.writeHead(403).end();
      return path !== '/v2/';
    };
    await world.assertRefused(
      'a/b:v1',
      'not-found',
      new RegExp(
        `^manifest "v1" of "a/b" was not found in registry "${world.server.host}": the repository has no such tag or digest \\(tried before: ` +
          `mirror "${dead}/a/b": registry "${dead}" is unavailable: connection refused; ` +
          `mirror "${mirror.host}/a/b": registry "${mirror.host}" refuses .*access denied without credentials\\)$`,
      ),
    );
  });

  it('does not ask other places for room on this disk', async () => {
    const image = makeImage();
    mirror.add(image, 'v1');
    world.server.add(image, 'v1');
    world.store.before = (step) => {
      if (step === 'stage') throw new DaemonError('resource-exhausted', 'the disk is full');
    };
    await world.assertRefused('a/b:v1', 'resource-exhausted', /^the disk is full \(tried before: mirror/);
    assert.deepEqual(world.server.requests, []);
  });
});

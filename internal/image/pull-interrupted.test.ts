import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeImage, makeTar } from '../../test/fakes/made-image.ts';
import { registryClient, testTimeouts, transportTo } from '../../test/fakes/registry-client.ts';
import { closedHost } from '../../test/fakes/registry-server.ts';
import { never, usePullWorld } from '../../test/fixtures/memory-pulls.ts';
import { digestOf } from '../registry/digest.ts';

const world = usePullWorld();

describe('pull from a registry that is away or breaks off', () => {
  it('is given up when the registry is silent for longer than the limit', async () => {
    world.pullsFrom(registryClient({ transport: world.transport }), { progressTimeoutMs: 100 });
    world.server.intercept = (_request, _response, path) => path.includes('manifests');
    await assert.rejects(world.pull('a/c:v1'), {
      kind: 'unknown',
      message: `RegistryUnavailable: registry "${world.server.host}" gave nothing of image "${world.at('a/c:v1')}" for 0.1 s, the limit that pull_progress_timeout sets`,
    });
  });

  it('says that the registry is unavailable, with the prefix that the kubelet looks for', async () => {
    const reference = `${await closedHost()}/a/b:v1`;
    await assert.rejects(world.images.pull({ reference, credentials: undefined, namespace: '' }, never), {
      kind: 'unknown',
      message: `RegistryUnavailable: registry "${reference.split('/')[0]}" is unavailable: connection refused`,
    });
  });

  it('resumes a blob after a cut connection', async () => {
    const tar = makeTar([
      { name: 'big', content: Buffer.from(Array.from({ length: 300_000 }, (_, n) => (n * n) % 251)) },
    ]);
    const image = makeImage({ layers: [tar] });
    world.server.add(image, 'v1');
    const blob = image.layerBlobs[0] ?? Buffer.alloc(0);
    const ranges: (string | undefined)[] = [];
    world.server.intercept = (request, response, path) => {
      if (!path.endsWith(digestOf(blob))) return false;
      ranges.push(request.headers.range);
      if (request.headers.range !== undefined) return false;
      response.writeHead(200, { 'content-length': blob.length });
      response.write(blob.subarray(0, 100), () => setTimeout(() => response.destroy(), 20));
      return true;
    };
    assert.equal(await world.pull('a/b:v1'), image.id);
    assert.deepEqual(ranges, [undefined, 'bytes=100-']);
  });

  it('gives up when each connection is cut', async () => {
    const image = makeImage();
    world.server.add(image, 'v1');
    const blob = image.layerBlobs[0] ?? Buffer.alloc(0);
    world.server.intercept = (_request, response, path) => {
      if (path.endsWith(digestOf(blob))) response.destroy();
      return path.endsWith(digestOf(blob));
    };
    await world.assertRefused('a/b:v1', 'unknown', /^RegistryUnavailable: .*the connection was cut$/);
  });

  it('gives up when nothing comes any more', async () => {
    const image = makeImage();
    world.server.add(image, 'v1');
    const blob = image.layerBlobs[0] ?? Buffer.alloc(0);
    world.server.intercept = (_request, response, path) => {
      if (!path.endsWith(digestOf(blob))) return false;
      response.writeHead(200, { 'content-length': blob.length });
      response.write(blob.subarray(0, 10));
      return true;
    };
    const hasty = transportTo({ timeouts: { ...testTimeouts, noProgressMs: 1_000 } });
    const retry = { attempts: 2, firstDelayMs: 5, maxDelayMs: 10 };
    world.pullsFrom(registryClient({ transport: hasty, retry }));
    await world.assertRefused('a/b:v1', 'unknown', /^RegistryUnavailable: .*it does not answer$/);
    hasty.close();
  });
});

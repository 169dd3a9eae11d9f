import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeImage } from '../../test/fakes/made-image.ts';
import { RegistryServer, sendBlob } from '../../test/fakes/registry-server.ts';
import { layersOf, never, usePullWorld } from '../../test/fixtures/memory-pulls.ts';
import { DaemonError } from '../errors/daemon-error.ts';

const world = usePullWorld();

describe('pull with credentials', () => {
  it('gets blobs from another host without showing it the credentials', async () => {
    const image = makeImage();
    world.server.add(image, 'v1');
    const other = await RegistryServer.start();
    try {
      other.intercept = (request, response, path) => {
        sendBlob(request, response, world.server.blob(path.slice(1)));
        return true;
      };
      world.server.intercept = (request, response, path) => {
        if (request.headers.authorization !== `Basic ${Buffer.from('me:pass').toString('base64')}`) {
          response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
          return true;
        }
        const digest = /\/blobs\/(.*)$/.exec(path)?.[1];
        if (digest === undefined) return false;
        response.writeHead(307, { location: `http://${other.host}/${digest}` }).end();
        return true;
      };
      const credentials = { username: 'me', password: 'pass', identityToken: '', registryToken: '' };
      assert.equal(await world.pull('a/b:v1', never, credentials), image.id);
      assert.deepEqual(new Set(other.authorizations), new Set([undefined]));
      assert.equal(other.requests.length, 2);
    } finally {
      await other.close();
    }
  });

  it('gets a token from the authorization service once and uses it', async () => {
    const image = makeImage({ layers: layersOf(3) });
    world.server.add(image, 'v1');
    world.server.intercept = (request, response, path) => {
      if (path.startsWith('/token?')) {
        response.end(JSON.stringify({ token: 'abc', expires_in: 300 }));
        return true;
      }
      if (request.headers.authorization === 'Bearer abc' || path === '/v2/') return false;
      const realm = `http://${world.server.host}/token`;
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="s"` }).end();
      return true;
    };
    assert.equal(await world.pull('a/b:v1'), image.id);
    const tokens = world.server.requests.filter((request) => request.includes('/token'));
    assert.deepEqual(tokens, ['GET /token?service=s&scope=repository%3Aa%2Fb%3Apull']);
  });

  it('tells wrong credentials without repeating them', async () => {
    world.server.intercept = (_request, response, path) => {
      if (path === '/v2/') return false;
      response
        .writeHead(401, { 'www-authenticate': 'Basic realm="r"' })
        .end('{"errors":[{"code":"UNAUTHORIZED"}]}');
      return true;
    };
    const credentials = { username: 'me', password: 'geheim', identityToken: '', registryToken: '' };
    await assert.rejects(world.pull('a/b:v1', never, credentials), (error: unknown) => {
      assert.ok(error instanceof DaemonError);
      assert.equal(error.kind, 'unauthenticated');
      assert.match(
        error.message,
        /\(HTTP 401 UNAUTHORIZED\): it does not accept the credentials of the pull request/,
      );
      assert.doesNotMatch(error.message, /geheim/);
      return true;
    });
  });
});

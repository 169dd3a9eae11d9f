import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closedHost } from '../../test/fakes/registry-server.ts';
import { authFiles, basic, endpoint, nobody, useRegistryPair } from '../../test/fixtures/registry-pair.ts';

const pair = useRegistryPair({ parts: authFiles });

test('a mirror is asked first, with its own credentials and not with the given ones', async () => {
  pair.other.add(pair.image, 'v1');
  pair.other.intercept = (request, response, path) => {
    if (path === '/v2/' || request.headers.authorization !== undefined) return false;
    response.writeHead(401, { 'www-authenticate': 'Basic realm="m"' }).end();
    return true;
  };
  pair.endpoints = [endpoint(pair.other.host, true), endpoint(pair.server.host)];
  await pair.openWith({ ...nobody, username: 'me', password: 'geheim' });
  assert.deepEqual(
    new Set(pair.other.authorizations),
    new Set([undefined, basic(`file of ${pair.other.host}`, 'p')]),
  );
  assert.deepEqual(pair.server.requests, []);
});

test('a mirror that has not got the image or is down gives way to the next', async () => {
  const places = [endpoint(await closedHost(), true), endpoint(pair.other.host, true)];
  pair.endpoints = [...places, endpoint(pair.server.host)];
  assert.equal((await pair.open()).manifest.digest, pair.image.manifestDigest);
});

test('a busy registry is asked again after a while', async () => {
  let busy = 2;
  pair.server.intercept = (_request, response, path) => {
    if (path === '/v2/' || busy === 0) return false;
    busy -= 1;
    response.writeHead(429, { 'retry-after': '0' }).end();
    return true;
  };
  await pair.open();
  busy = 99;
  await assert.rejects(pair.open(), {
    kind: 'unknown',
    message: /^RegistryUnavailable: .*too many requests/,
  });
});

test('a registry that answers nothing runs into the time limit', async () => {
  pair.server.intercept = (_request, _response, path) => path !== '/v2/';
  await pair.withTimeouts({ responseMs: 300 }, () =>
    assert.rejects(pair.open(), {
      kind: 'unknown',
      message: /^RegistryUnavailable: .*it does not answer$/,
    }),
  );
});

test('endless redirects end', async () => {
  pair.server.intercept = (_request, response, path) => {
    if (path === '/v2/') return false;
    response.writeHead(302, { location: path }).end();
    return true;
  };
  await assert.rejects(pair.open(), /redirects manifest "v1" of "a\/b" more than 10 times/);
});

test('error texts hold neither the body of the answer nor a query', async () => {
  pair.server.intercept = (_request, response, path) => {
    if (path === '/v2/') return false;
    response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"https://x/?X-Amz-Signature=1"}]}');
    return true;
  };
  await assert.rejects(pair.open(), {
    kind: 'permission-denied',
    message: `registry "${pair.server.host}" refuses manifest "v1" of "a/b" (HTTP 403 DENIED): access denied with the credentials of a file`,
  });
});

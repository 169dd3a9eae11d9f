import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openImage, registryClient, wanted } from '../../test/fakes/registry-client.ts';
import { authFiles, basic, never, nobody, useRegistryPair } from '../../test/fixtures/registry-pair.ts';

const pair = useRegistryPair({ parts: authFiles });

test('a token is asked for with name and password, given or from the auth files', async () => {
  pair.askForToken(`http://${pair.server.host}/token`);
  await pair.openWith({ ...nobody, username: 'me', password: 'geheim' });
  assert.ok(pair.server.authorizations.includes(basic('me', 'geheim')));
  await pair.open();
  assert.ok(pair.server.authorizations.includes(basic(`file of ${pair.server.host}`, 'p')));
});

test('an identity token is exchanged in the body of a POST', async () => {
  const bodies: string[] = [];
  pair.askForToken(`http://${pair.server.host}/token`, bodies);
  await pair.openWith({ ...nobody, identityToken: 'refresh me' });
  assert.ok(pair.server.requests.includes('POST /token'));
  const form = new URLSearchParams(bodies.join(''));
  assert.equal(form.get('grant_type'), 'refresh_token');
  assert.equal(form.get('refresh_token'), 'refresh me');
  assert.equal(form.get('scope'), 'repository:a/b:pull');
});

test('a registry token is sent as it is', async () => {
  pair.askForToken('http://nowhere.invalid/');
  await pair.openWith({ ...nobody, registryToken: 'good' });
  await assert.rejects(pair.openWith({ ...nobody, registryToken: 'bad' }), { kind: 'unauthenticated' });
});

test('an expired token is renewed during the pull', async () => {
  let valid = 'one';
  let issued = 0;
  pair.server.intercept = (request, response, path) => {
    if (path.startsWith('/token')) {
      issued += 1;
      response.end(JSON.stringify({ token: valid }));
      return true;
    }
    if (path === '/v2/' || request.headers.authorization === `Bearer ${valid}`) return false;
    response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${pair.server.host}/token"` }).end();
    return true;
  };
  const remote = await pair.open();
  valid = 'two';
  const blobs = [...pair.image.blobs].map(([digest, blob]) => ({ digest, sizeBytes: blob.length }));
  const bodies = await Promise.all(blobs.map((blob) => remote.openBlob(blob, never)));
  for (const body of bodies) for await (const chunk of body) assert.ok(chunk.length > 0);
  assert.equal(issued, 2);
});

test('a realm that is elsewhere than it may be gets no credentials', async () => {
  for (const realm of ['file:///etc/passwd', 'not a url', '']) {
    pair.askForToken(realm);
    await assert.rejects(pair.open(), /authorization service/);
  }
  assert.deepEqual(new Set(pair.server.authorizations), new Set([undefined]));
});

test('a registry that refuses every token ends in unauthenticated, after few requests', async () => {
  pair.askForToken(`http://${pair.server.host}/token`);
  const answer = pair.server.intercept;
  pair.server.intercept = (request, response, path) => {
    request.headers.authorization = request.headers.authorization?.replace('good', 'bad');
    return answer(request, response, path);
  };
  await assert.rejects(pair.open(), { kind: 'unauthenticated' });
  assert.ok(pair.server.requests.length < 8, pair.server.requests.join('\n'));
});

test('the first challenge that can be answered is, wherever it stands', async () => {
  const bearer = `Bearer realm="http://${pair.server.host}/token",service="a, b",scope="repository:a/b:pull"`;
  for (const header of [
    `Negotiate abc==, ${bearer}`,
    ['Basic realm="x, y"', bearer],
    bearer.replace('Bearer', 'bEARER').replaceAll(',', ' , '),
  ]) {
    pair.server.intercept = (request, response, path) => {
      if (path.startsWith('/token')) {
        response.end('{"token":"good"}');
        return true;
      }
      if (path === '/v2/' || request.headers.authorization === 'Bearer good') return false;
      response.writeHead(401, { 'www-authenticate': header }).end();
      return true;
    };
    const client = registryClient({ transport: pair.transport });
    await openImage(client, wanted({ host: pair.server.host, path: 'a/b' }, 'v1'));
  }
});

test('credentials that are meant for another server are not used', async () => {
  pair.askForToken(`http://${pair.server.host}/token`);
  const given = { ...nobody, username: 'me', password: 'geheim' };
  for (const serverAddress of [
    `http://${pair.server.host}`,
    pair.server.host,
    `https://${pair.server.host}/v1/`,
    '',
  ]) {
    pair.server.authorizations.length = 0;
    await pair.openWith({ ...given, serverAddress });
    assert.ok(pair.server.authorizations.includes(basic('me', 'geheim')), serverAddress);
  }
  pair.server.authorizations.length = 0;
  await pair.openWith({ ...given, serverAddress: 'https://other.example/v1/' });
  assert.ok(!pair.server.authorizations.includes(basic('me', 'geheim')));
  assert.ok(pair.server.authorizations.includes(basic(`file of ${pair.server.host}`, 'p')));
});

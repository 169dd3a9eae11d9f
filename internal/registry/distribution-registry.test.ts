import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeImage } from '../../test/fakes/made-image.ts';
import {
  openImage,
  registryClient,
  testTimeouts,
  transportTo,
  wanted,
} from '../../test/fakes/registry-client.ts';
import { RegistryServer } from '../../test/fakes/registry-server.ts';
import type { DistributionRegistry } from './distribution-registry.ts';
import type { HttpTransport } from './http-transport.ts';
import type { Credentials, FoundCredentials, RemoteImage } from './registry.ts';
import type { Endpoint } from './routes.ts';

const never = new AbortController().signal;
const image = makeImage();
const nobody: Credentials = { username: '', password: '', identityToken: '', registryToken: '' };

let server: RegistryServer;
let other: RegistryServer;
let transport: HttpTransport;
let registry: DistributionRegistry;
let endpoints: Endpoint[];

beforeEach(async () => {
  [server, other] = await Promise.all([RegistryServer.start(), RegistryServer.start()]);
  server.add(image, 'v1');
  endpoints = [endpoint(server.host)];
  transport = transportTo({ timeouts: { ...testTimeouts, responseMs: 300 } });
  registry = registryClient({
    transport,
    routes: { endpoints: async () => endpoints },
    credentials: { forPull: async () => ({ lookup: async ({ host }) => fileOf(host) }) },
  });
});

afterEach(async () => {
  transport.close();
  await Promise.all([server.close(), other.close()]);
});

function fileOf(host: string): FoundCredentials {
  return { credentials: { ...nobody, username: `file of ${host}`, password: 'p' }, source: 'a file' };
}

function endpoint(host: string, isMirror = false): Endpoint {
  return { repository: { host, path: 'a/b' }, insecure: true, isMirror };
}

function open(credentials: Credentials | undefined = undefined): Promise<RemoteImage> {
  return openImage(registry, { ...wanted({ host: server.host, path: 'a/b' }, 'v1'), credentials });
}

/** Makes the server ask for a bearer token from `realm`, and give out tokens itself. */
function askForToken(realm: string, bodies: string[] = []): void {
  server.intercept = (request, response, path) => {
    if (path.startsWith('/token')) {
      request.setEncoding('utf8').on('data', (chunk: string) => bodies.push(chunk));
      request.on('end', () => response.end('{"access_token":"good"}'));
      return true;
    }
    if (path === '/v2/' || request.headers.authorization === 'Bearer good') return false;
    response.writeHead(401, {
      'www-authenticate': `Bearer realm="${realm}",service="s",scope="repository:a/b:pull"`,
    });
    response.end();
    return true;
  };
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

test('a token is asked for with name and password, given or from the auth files', async () => {
  askForToken(`http://${server.host}/token`);
  await open({ ...nobody, username: 'me', password: 'geheim' });
  assert.ok(server.authorizations.includes(basic('me', 'geheim')));
  await open();
  assert.ok(server.authorizations.includes(basic(`file of ${server.host}`, 'p')));
});

test('challenges, tokens and redirects go over one connection', async () => {
  askForToken(`http://${server.host}/token`);
  const answer = server.intercept;
  server.intercept = (request, response, path) => {
    if (answer(request, response, path)) return true;
    const digest = /\/blobs\/(.*)$/.exec(path)?.[1];
    if (digest === undefined || path.includes('moved')) return false;
    response.writeHead(307, { location: `/v2/moved/blobs/${digest}` }).end('moved');
    return true;
  };
  const remote = await open();
  for (const [digest, blob] of image.blobs) {
    const body = await remote.openBlob({ digest, sizeBytes: blob.length }, never);
    for await (const chunk of body) assert.ok(chunk.length > 0);
  }
  // The second is the attempt to speak TLS with a registry that is marked insecure.
  assert.equal(server.connections, 2);
});

test('an identity token is exchanged in the body of a POST', async () => {
  const bodies: string[] = [];
  askForToken(`http://${server.host}/token`, bodies);
  await open({ ...nobody, identityToken: 'refresh me' });
  assert.ok(server.requests.includes('POST /token'));
  const form = new URLSearchParams(bodies.join(''));
  assert.equal(form.get('grant_type'), 'refresh_token');
  assert.equal(form.get('refresh_token'), 'refresh me');
  assert.equal(form.get('scope'), 'repository:a/b:pull');
});

test('a registry token is sent as it is', async () => {
  askForToken('http://nowhere.invalid/');
  await open({ ...nobody, registryToken: 'good' });
  await assert.rejects(open({ ...nobody, registryToken: 'bad' }), { kind: 'unauthenticated' });
});

test('an expired token is renewed during the pull', async () => {
  let valid = 'one';
  let issued = 0;
  server.intercept = (request, response, path) => {
    if (path.startsWith('/token')) {
      issued += 1;
      response.end(JSON.stringify({ token: valid }));
      return true;
    }
    if (path === '/v2/' || request.headers.authorization === `Bearer ${valid}`) return false;
    response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${server.host}/token"` }).end();
    return true;
  };
  const remote = await open();
  valid = 'two';
  const blobs = [...image.blobs].map(([digest, blob]) => ({ digest, sizeBytes: blob.length }));
  const bodies = await Promise.all(blobs.map((blob) => remote.openBlob(blob, never)));
  for (const body of bodies) for await (const chunk of body) assert.ok(chunk.length > 0);
  assert.equal(issued, 2);
});

test('a realm that is elsewhere than it may be gets no credentials', async () => {
  for (const realm of ['file:///etc/passwd', 'not a url', '']) {
    askForToken(realm);
    await assert.rejects(open(), /authorization service/);
  }
});

test('a registry that refuses every token ends in unauthenticated, after few requests', async () => {
  askForToken(`http://${server.host}/token`);
  const answer = server.intercept;
  server.intercept = (request, response, path) => {
    request.headers.authorization = request.headers.authorization?.replace('good', 'bad');
    return answer(request, response, path);
  };
  await assert.rejects(open(), { kind: 'unauthenticated' });
  assert.ok(server.requests.length < 8, server.requests.join('\n'));
});

test('a mirror is asked first, with its own credentials and not with the given ones', async () => {
  other.add(image, 'v1');
  other.intercept = (request, response, path) => {
    if (path === '/v2/' || request.headers.authorization !== undefined) return false;
    response.writeHead(401, { 'www-authenticate': 'Basic realm="m"' }).end();
    return true;
  };
  endpoints = [endpoint(other.host, true), endpoint(server.host)];
  await open({ ...nobody, username: 'me', password: 'geheim' });
  assert.deepEqual(new Set(other.authorizations), new Set([undefined, basic(`file of ${other.host}`, 'p')]));
  assert.deepEqual(server.requests, []);
});

test('a mirror that has not got the image or is down gives way to the next', async () => {
  const dead = await RegistryServer.start();
  const deadHost = dead.host;
  await dead.close();
  endpoints = [endpoint(deadHost, true), endpoint(other.host, true), endpoint(server.host)];
  assert.equal((await open()).manifest.digest, image.manifestDigest);
});

test('a busy registry is asked again after a while', async () => {
  let busy = 2;
  server.intercept = (_request, response, path) => {
    if (path === '/v2/' || busy === 0) return false;
    busy -= 1;
    response.writeHead(429, { 'retry-after': '0' }).end();
    return true;
  };
  await open();
  busy = 99;
  await assert.rejects(open(), { kind: 'unknown', message: /^RegistryUnavailable: .*too many requests/ });
});

test('a registry that answers nothing runs into the time limit', async () => {
  server.intercept = (_request, _response, path) => path !== '/v2/';
  await assert.rejects(open(), { kind: 'unknown', message: /^RegistryUnavailable: .*it does not answer$/ });
});

test('endless redirects end', async () => {
  server.intercept = (_request, response, path) => {
    if (path === '/v2/') return false;
    response.writeHead(302, { location: path }).end();
    return true;
  };
  await assert.rejects(open(), /redirects manifest "v1" of "a\/b" more than 10 times/);
});

test('a connection that was cut before its blob is read is made again', async () => {
  const remote = await open();
  const [digest, blob] = [...image.blobs][1]!;
  let cut = (): void => {};
  server.intercept = (_request, response) => {
    server.intercept = () => false;
    response.writeHead(200, { 'content-length': blob.length });
    response.write(blob.subarray(0, 1));
    cut = () => void response.destroy();
    return true;
  };
  const body = await remote.openBlob({ digest, sizeBytes: blob.length }, never);
  cut();
  await sleep(50);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  assert.deepEqual(Buffer.concat(chunks), blob);
});

test('an abort closes the connection of a blob that nobody reads', async () => {
  const remote = await open();
  const abort = new AbortController();
  const [digest, blob] = [...image.blobs][0]!;
  const closed = new Promise((resolve) => {
    server.intercept = (_request, response) => {
      response.writeHead(200, { 'content-length': blob.length });
      response.write(blob.subarray(0, 1));
      response.once('close', resolve);
      return true;
    };
  });
  await remote.openBlob({ digest, sizeBytes: blob.length }, abort.signal);
  abort.abort();
  await closed;
});

test('error texts hold neither the body of the answer nor a query', async () => {
  server.intercept = (_request, response, path) => {
    if (path === '/v2/') return false;
    response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"https://x/?X-Amz-Signature=1"}]}');
    return true;
  };
  await assert.rejects(open(), {
    kind: 'permission-denied',
    message: `registry "${server.host}" refuses manifest "v1" of "a/b" (HTTP 403 DENIED): access denied with the credentials of a file`,
  });
});

test('what an insecure registry speaks is found out once, and again after a failure', async () => {
  const probes = (): number => server.requests.filter((line) => line === 'GET /v2/').length;
  for (let pull = 0; pull < 5; pull += 1) await open();
  assert.equal(probes(), 1);
  server.intercept = (_request, response, path) => {
    if (path !== '/v2/') response.destroy();
    return path !== '/v2/';
  };
  await assert.rejects(open(), /the connection was cut/);
  server.intercept = () => false;
  await open();
  assert.equal(probes(), 2);
});

test('connections are used again, and closed when nobody uses them', async () => {
  const short = transportTo({ timeouts: { ...testTimeouts, idleMs: 100 } });
  const client = registryClient({ transport: short });
  const image = wanted({ host: server.host, path: 'a/b' }, 'v1');
  const isOpen = (): Promise<number> => server.openConnections();
  try {
    for (let pull = 0; pull < 10; pull += 1) await openImage(client, image);
    assert.ok(server.connections <= 2, `${server.connections} connections`);
    for (let wait = 0; wait < 100 && (await isOpen()) > 0; wait += 1) await sleep(20);
    assert.equal(await isOpen(), 0);
  } finally {
    short.close();
  }
});

test('credentials that are meant for another server are not used', async () => {
  askForToken(`http://${server.host}/token`);
  const given = { ...nobody, username: 'me', password: 'geheim' };
  for (const serverAddress of [`http://${server.host}`, server.host, `https://${server.host}/v1/`, '']) {
    server.authorizations.length = 0;
    await open({ ...given, serverAddress });
    assert.ok(server.authorizations.includes(basic('me', 'geheim')), serverAddress);
  }
  server.authorizations.length = 0;
  await open({ ...given, serverAddress: 'https://other.example/v1/' });
  assert.ok(!server.authorizations.includes(basic('me', 'geheim')));
  assert.ok(server.authorizations.includes(basic(`file of ${server.host}`, 'p')));
});

test('the first challenge that can be answered is, wherever it stands', async () => {
  const bearer = `Bearer realm="http://${server.host}/token",service="a, b",scope="repository:a/b:pull"`;
  for (const header of [
    `Negotiate abc==, ${bearer}`,
    ['Basic realm="x, y"', bearer],
    bearer.replace('Bearer', 'bEARER').replaceAll(',', ' , '),
  ]) {
    server.intercept = (request, response, path) => {
      if (path.startsWith('/token')) {
        response.end('{"token":"good"}');
        return true;
      }
      if (path === '/v2/' || request.headers.authorization === 'Bearer good') return false;
      response.writeHead(401, { 'www-authenticate': header }).end();
      return true;
    };
    const client = registryClient({ transport });
    await openImage(client, wanted({ host: server.host, path: 'a/b' }, 'v1'));
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { authFiles, never, useRegistryPair } from '../../test/fixtures/registry-pair.ts';
import { until } from '../../test/harness/until.ts';

const pair = useRegistryPair({ parts: authFiles });

test('challenges, tokens and redirects go over one connection', async () => {
  pair.askForToken(`http://${pair.server.host}/token`);
  const answer = pair.server.intercept;
  pair.server.intercept = (request, response, path) => {
    if (answer(request, response, path)) return true;
    const digest = /\/blobs\/(.*)$/.exec(path)?.[1];
    if (digest === undefined || path.includes('moved')) return false;
    response.writeHead(307, { location: `/v2/moved/blobs/${digest}` }).end('moved');
    return true;
  };
  const remote = await pair.open();
  for (const [digest, blob] of pair.image.blobs) {
    const body = await remote.openBlob({ digest, sizeBytes: blob.length }, never);
    for await (const chunk of body) assert.ok(chunk.length > 0);
  }
  // The second is the attempt to speak TLS with a registry that is marked insecure.
  assert.equal(pair.server.connections, 2);
});

test('a connection that was cut before its blob is read is made again', async () => {
  const remote = await pair.open();
  const [digest, blob] = [...pair.image.blobs][1]!;
  let cut = (): void => {};
  pair.server.intercept = (_request, response) => {
    pair.server.intercept = () => false;
    response.writeHead(200, { 'content-length': blob.length });
    response.write(blob.subarray(0, 1));
    cut = () => void response.destroy();
    return true;
  };
  const body = await remote.openBlob({ digest, sizeBytes: blob.length }, never);
  cut();
  await sleep(50); // for the client to see it; a cut while it reads ends the same
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  assert.deepEqual(Buffer.concat(chunks), blob);
});

test('an abort closes the connection of a blob that nobody reads', async () => {
  const remote = await pair.open();
  const abort = new AbortController();
  const [digest, blob] = [...pair.image.blobs][0]!;
  const closed = new Promise((resolve) => {
    pair.server.intercept = (_request, response) => {
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

test('what an insecure registry speaks is found out once, and again after a failure', async () => {
  const probes = (): number => pair.server.requests.filter((line) => line === 'GET /v2/').length;
  for (let pull = 0; pull < 5; pull += 1) await pair.open();
  assert.equal(probes(), 1);
  pair.server.intercept = (_request, response, path) => {
    if (path !== '/v2/') response.destroy();
    return path !== '/v2/';
  };
  await assert.rejects(pair.open(), /the connection was cut/);
  pair.server.intercept = () => false;
  await pair.open();
  assert.equal(probes(), 2);
});

test('connections are used again, and closed when nobody uses them', async () => {
  const isOpen = (): Promise<number> => pair.server.openConnections();
  for (let pull = 0; pull < 10; pull += 1) await pair.open();
  assert.ok(pair.server.connections < 5, `${pair.server.connections} connections`);
  assert.ok((await isOpen()) > 0);
  pair.transport.close();
  await until('the connections of before are closed', async () => (await isOpen()) === 0);
  await pair.withTimeouts({ idleMs: 100 }, async () => {
    await pair.open();
    await until('nobody uses a connection', async () => (await isOpen()) === 0);
  });
});

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { makeImage } from '../../test/fakes/made-image.ts';
import { httpProxy, socksProxy } from '../../test/fakes/proxy-server.ts';
import { openImage, registryClient, transportTo, wanted } from '../../test/fakes/registry-client.ts';
import { RegistryServer } from '../../test/fakes/registry-server.ts';
import { describeError } from '../errors/daemon-error.ts';
import { proxySettings } from './proxy-settings.ts';

const image = makeImage();
let server: RegistryServer;
let closing: { close(): unknown }[];

beforeEach(async () => {
  server = await RegistryServer.start();
  server.add(image, 'v1');
  closing = [server];
});

afterEach(async () => {
  for (const each of closing.reverse()) await each.close();
});

/** Reads an image of `registry.example`, which only a proxy knows, over plain HTTP; blobs too. */
async function pullThrough(proxy: string): Promise<void> {
  const transport = transportTo({ proxyOf: proxySettings({ HTTP_PROXY: proxy, HTTPS_PROXY: proxy }) });
  closing.push(transport);
  const registry = registryClient({ transport });
  const remote = await openImage(registry, wanted({ host: 'registry.example:5000', path: 'a/b' }, 'v1'));
  for (const [digest, blob] of image.blobs) {
    const body = await remote.openBlob({ digest, sizeBytes: blob.length }, new AbortController().signal);
    for await (const chunk of body) assert.ok(chunk.length > 0);
  }
}

function portOf(): number {
  return Number(server.host.split(':')[1]);
}

test('an HTTP proxy is asked for whole addresses, and only it sees its password', async () => {
  const proxy = await httpProxy(portOf(), 'me:ge:heim');
  closing.push(proxy);
  await pullThrough(`http://me:ge%3Aheim@127.0.0.1:${proxy.port}`);
  assert.equal(proxy.asked[0], 'CONNECT registry.example:5000'); // whether it speaks TLS
  assert.equal(proxy.asked[1], 'GET http://registry.example:5000/v2/');
  assert.equal(proxy.asked.length, 5);
});

test('a SOCKS5 proxy looks the name up, with and without a login', async () => {
  for (const login of [undefined, 'me:geheim']) {
    const proxy = await socksProxy(portOf(), login);
    closing.push(proxy);
    await pullThrough(`socks5://${login === undefined ? '' : `${login}@`}127.0.0.1:${proxy.port}`);
    assert.equal(proxy.asked[0], 'SOCKS registry.example:5000');
  }
});

test('a proxy that fails is named, its password is not', async () => {
  const [http, socks, forbidding] = await Promise.all([
    httpProxy(portOf(), 'other:login'),
    socksProxy(portOf(), 'other:login'),
    socksProxy(portOf(), undefined, 2),
  ]);
  closing.push(http, socks, forbidding);
  const cases: [string, RegExp][] = [
    [`http://me:geheim@127.0.0.1:${http.port}`, /HTTP 407/],
    [`socks5://me:geheim@127.0.0.1:${socks.port}`, /it wants other credentials$/],
    [`socks5://127.0.0.1:${socks.port}`, /it wants credentials$/],
    [`socks5://127.0.0.1:${forbidding.port}`, /its rules forbid the connection$/],
    ['socks5://me:geheim@127.0.0.1:1', /proxy "127\.0\.0\.1:1": connection refused$/],
    ['http://me:geheim@127.0.0.1:1', /connection refused/],
  ];
  for (const [proxy, expected] of cases) {
    await assert.rejects(pullThrough(proxy), (error: Error) => {
      assert.match(error.message, /^RegistryUnavailable: registry "registry\.example:5000" is unavailable: /);
      assert.match(error.message, expected);
      assert.ok(!describeError(error).includes('geheim'));
      return true;
    });
  }
});

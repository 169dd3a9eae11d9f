import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { transportTo } from '../../test/fakes/registry-client.ts';

test('a kept connection to this node is not lent to who must not come here', async () => {
  const server = createServer((_, response) => response.end('{}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const transport = transportTo();
  const get = async (mustBeOutside: boolean): Promise<number> => {
    const url = new URL(`http://localhost:${port}/`);
    const peer = { names: [url.host], verify: true, mustBeOutside };
    const signal = AbortSignal.timeout(20_000);
    const response = await transport.send({ method: 'GET', url, headers: {}, peer }, signal);
    await response.readDocument(100);
    return response.status;
  };
  try {
    assert.equal(await get(false), 200);
    await assert.rejects(get(true), { code: 'EINWARD' });
  } finally {
    transport.close();
    server.close();
  }
});

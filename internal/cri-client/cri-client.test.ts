import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connectCri } from './cri-client.ts';

const root = mkdtempSync(join(tmpdir(), 'cria-cri-client-'));
after(() => rmSync(root, { recursive: true }));

async function failure(socketPath: string): Promise<unknown> {
  const client = connectCri(socketPath);
  try {
    await client.call('ListContainers', {}, new AbortController().signal);
    return undefined;
  } catch (cause) {
    return cause;
  } finally {
    client.close();
  }
}

test('a socket of somebody else is told as such, without times', async () => {
  const path = join(root, 'other.sock');
  const server = createServer((socket) =>
    socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  );
  server.listen(path);
  await once(server, 'listening');
  const { message } = (await failure(path)) as Error;
  server.close();
  assert.equal(
    message,
    `no daemon answers on "${path}": what listens there does not speak gRPC; is --listen right?`,
  );
});

test('a socket that is not there is told as such', async () => {
  const path = join(root, 'none.sock');
  const { message } = (await failure(path)) as Error;
  assert.match(message, /^no daemon answers on ".*none\.sock": there is no such socket/);
});

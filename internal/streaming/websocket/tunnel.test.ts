import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { manualTimer } from '../../../test/fakes/manual-timer.ts';
import { until } from '../../../test/harness/until.ts';
import { openTunnel } from './tunnel.ts';

async function tunnelled(t: TestContext, idleMs: number): Promise<{ tunnel: Duplex; client: WebSocket }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => {
    client.terminate();
    server.close();
  });
  const [socket] = (await once(server, 'connection')) as [WebSocket];
  const tunnel = openTunnel(socket, idleMs);
  if (client.readyState !== WebSocket.OPEN) await once(client, 'open');
  return { tunnel, client };
}

test('bytes go both ways, and the end of what is written is the end of the connection', async (t) => {
  const { tunnel, client } = await tunnelled(t, 0);
  client.send(Buffer.from('there'));
  assert.deepEqual((await once(tunnel, 'data'))[0], Buffer.from('there'));
  const back = once(client, 'message');
  const closed = once(client, 'close');
  tunnel.end('and back');
  assert.deepEqual((await back)[0], Buffer.from('and back'));
  assert.equal((await closed)[0], 1000);
});

test('what waits holds little more memory than its bytes, whatever comes around it', async (t) => {
  const { tunnel, client } = await tunnelled(t, 0);
  const count = 50;
  for (let i = 0; i < count; i++) {
    client.send(Buffer.from('x'));
    for (let pongs = 0; pongs < 200; pongs++) client.pong(Buffer.alloc(125)); // nobody answers them
  }
  await until('all has come', () => tunnel.readableLength === count);
  let heldBytes = 0;
  tunnel.on('data', ({ buffer }: Buffer) => (heldBytes += buffer.byteLength));
  const ended = once(tunnel, 'end');
  client.close();
  await ended;
  assert.ok(heldBytes <= 4 * count, `${heldBytes} bytes are held`);
});

test('pings around the bytes keep an idle tunnel open; one without them ends', async (t) => {
  const idle = manualTimer(t, 4_321_000);
  const { tunnel, client } = await tunnelled(t, 4_321_000);
  const before = idle.refreshes;
  client.ping();
  await once(client, 'pong');
  assert.ok(idle.refreshes > before);
  const ended = once(tunnel.resume(), 'end');
  const closed = once(client, 'close');
  idle.goOff();
  await Promise.all([ended, closed]);
});

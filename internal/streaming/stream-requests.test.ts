import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { MemoryCommands } from '../../test/fakes/memory-commands.ts';
import { MemorySession } from '../../test/fakes/memory-session.ts';
import { ChannelClient } from '../../test/harness/channel-client.ts';
import { askingMax } from './http-listener.ts';

const world = new MemoryCommands();

before(() => world.start());
after(() => world.close());
beforeEach(() => {
  world.session = new MemorySession();
});

function ask(url: string, headers: Record<string, string>, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.on('error', reject).on('upgrade', (_response, socket) => {
      socket.destroy();
      resolve(101);
    });
    asked.end();
  });
}

test('URLs are absolute, and their tokens good once and for one kind', async () => {
  const url = world.offer();
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/exec\/[\w-]{22,}$/);
  assert.equal(await ask(url.replace('/exec/', '/attach/'), {}), 404);
  assert.equal(await ask(url, {}), 404);
  assert.equal(await ask(url.replace(/[^/]+$/, 'unknown'), {}), 404);
  assert.equal(await ask(url.replace(/exec.*/, ''), {}), 404);
});

test('what is wrong is told by code, and costs the token', async () => {
  const spdy = { connection: 'Upgrade', upgrade: 'SPDY/3.1' };
  const v4 = { 'x-stream-protocol-version': 'v4.channel.k8s.io' };
  assert.equal(await ask(world.offer(), {}), 400);
  assert.equal(await ask(world.offer(), spdy, 'POST'), 400);
  assert.equal(await ask(world.offer(), { ...spdy, 'x-stream-protocol-version': 'v9' }, 'POST'), 403);
  assert.equal(await ask(world.offer(), v4, 'POST'), 400);
  assert.equal(await ask(world.offer(), {}, 'PUT'), 405);
  const url = world.offer();
  assert.equal(await ask(url, {}), 400);
  assert.equal(await ask(url, { ...spdy, ...v4 }, 'POST'), 404);
});

test('a WebSocket protocol that is unknown, a handshake that is none', async () => {
  await assert.rejects(ChannelClient.connect(world.offer(), 'v9.channel.k8s.io'), /refused with 403/);
  const webSocket = { connection: 'Upgrade', upgrade: 'websocket' };
  assert.equal(await ask(world.offer(), webSocket), 400);
  assert.equal(await ask(world.offer(), webSocket, 'POST'), 405);
  const last = await ChannelClient.connect(world.offer(), 'v4.channel.k8s.io');
  await world.exit(last, 0);
  await world.noneLive();
});

test('of clients that connect and do not ask, the oldest give way; streams and new clients do not', async (t) => {
  const client = await ChannelClient.connect(world.offer(), 'v4.channel.k8s.io');
  const port = Number(new URL(world.offer()).port);
  const silent: Socket[] = [];
  t.after(() => {
    for (const socket of silent) socket.destroy();
  });
  for (let count = 0; count <= askingMax; count++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    await once(socket, 'connect');
    silent.push(socket);
  }
  if (silent[0]?.closed === false) await once(silent[0], 'close');
  assert.equal(await ask(world.offer(), {}), 400);
  world.session.stdout.write('lives');
  await client.until(() => client.text(1) === 'lives', 'the session goes on');
  await world.exit(client, 0);
});

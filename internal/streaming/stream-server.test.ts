import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { manualTimer } from '../../test/fakes/manual-timer.ts';
import { allStreams, MemoryCommands, serverSettings } from '../../test/fakes/memory-commands.ts';
import { MemorySession } from '../../test/fakes/memory-session.ts';
import { ChannelClient } from '../../test/harness/channel-client.ts';
import { hasKind } from '../errors/daemon-error.ts';
import { silentLogger } from '../log/logger.ts';
import { sessionsMax } from './live-sessions.ts';
import { StreamServer } from './stream-server.ts';

const world = new MemoryCommands();

before(() => world.start());
after(() => world.close());
beforeEach(() => {
  world.session = new MemorySession();
});

test('a client that is one too many is turned away', async () => {
  const clients: ChannelClient[] = [];
  world.session.stdout.setMaxListeners(0);
  world.session.stderr.setMaxListeners(0);
  world.session.stdin.setMaxListeners(0);
  const urls = Array.from({ length: sessionsMax + 1 }, () => world.offer(allStreams, 'exec', 'crowded'));
  const last = urls.pop() ?? '';
  for (const url of urls) clients.push(await ChannelClient.connect(url, 'v4.channel.k8s.io'));
  assert.throws(
    () => world.offer(allStreams, 'exec', 'crowded'),
    (error) => hasKind(error, 'resource-exhausted'),
  );
  await assert.rejects(ChannelClient.connect(last, 'v4.channel.k8s.io'), /refused with 429/);
  world.offer(allStreams, 'exec', 'another');
  world.session.exits(0);
  await Promise.all(clients.map(({ closed }) => closed));
  await world.noneLive();
  world.offer(allStreams, 'exec', 'crowded');
  assert.match(await world.registry.metrics(), /cria_stream_sessions_refused_total\{kind="exec"\} 2/);
});

test('an address that is taken, and one of IPv6', async () => {
  const port = Number(new URL(world.offer()).port);
  const make = (address: { host: string; port: number }) =>
    new StreamServer({ ...serverSettings, address }, world.metrics, silentLogger);
  await assert.rejects(
    make({ host: '127.0.0.1', port }).listen(),
    (error: Error) =>
      hasKind(error, 'unavailable') && error.message.includes(`"127.0.0.1:${port}" (EADDRINUSE)`),
  );
  const everywhere = make({ host: '0.0.0.0', port: 0 });
  assert.match(await everywhere.listen(), /^http:\/\/127\.0\.0\.1:\d+$/);
  await everywhere.close();
  if (!existsSync('/proc/net/if_inet6') || readFileSync('/proc/net/if_inet6', 'utf8') === '') return;
  const sixth = make({ host: '::1', port: 0 });
  assert.match(await sixth.listen(), /^http:\/\/\[::1\]:\d+$/);
  await sixth.close();
});

test('an idle client that pings stays, one that does not is cut off', async (t) => {
  const idle = manualTimer(t, serverSettings.timeouts.idleMs);
  const client = await ChannelClient.connect(world.offer(), 'v4.channel.k8s.io');
  const before = idle.refreshes;
  client.socket.ping();
  await new Promise((resolve) => client.socket.once('pong', resolve));
  assert.ok(idle.refreshes > before);
  idle.goOff();
  await client.closed;
  await client.until(() => world.session.isClosed, 'the session is closed');
});

test('at its end all clients are told, and none is waited for', async () => {
  const own = new StreamServer(serverSettings, world.metrics, silentLogger);
  await own.listen();
  const open = async (signal: AbortSignal) => {
    const mine = new MemorySession();
    signal.addEventListener('abort', () => mine.close());
    return mine;
  };
  const ticket = { kind: 'exec', owner: 'c', streams: allStreams, open } as const;
  const client = await ChannelClient.connect(own.offer(ticket), 'v4.channel.k8s.io');
  const deaf = await ChannelClient.connect(own.offer(ticket), 'v4.channel.k8s.io');
  deaf.socket.pause();
  const { port } = new URL(own.offer(ticket));
  const half = connect(Number(port), '127.0.0.1').on('error', () => {});
  await own.close();
  await client.closed;
  assert.match(client.outcome.message ?? '', /is being stopped/);
  assert.throws(
    () => own.offer(ticket),
    (error) => hasKind(error, 'unavailable'),
  );
  deaf.socket.terminate();
  half.destroy();
});

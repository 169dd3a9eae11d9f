// The server with clients of the WebSocket protocols; the container is the test.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { manualTimer } from '../../test/fakes/manual-timer.ts';
import { MemorySession } from '../../test/fakes/memory-session.ts';
import { ChannelClient } from '../../test/harness/channel-client.ts';
import { DaemonError, hasKind } from '../errors/daemon-error.ts';
import { silentLogger } from '../log/logger.ts';
import { streamMetrics } from '../metrics/stream-metrics.ts';
import { sessionsMax } from './live-sessions.ts';
import type { CommandStreams } from './stream-client.ts';
import { StreamServer } from './stream-server.ts';

const registry = new Registry();
const metrics = streamMetrics(registry);
const settings = {
  address: { host: '127.0.0.1', port: 0 },
  timeouts: { idleMs: 4_321_000, creationMs: 10_000 },
  identity: undefined,
};
const server = new StreamServer(settings, metrics, silentLogger);
const all: CommandStreams = { stdin: true, stdout: true, stderr: true, terminal: false };

let session: MemorySession;

function offer(streams: CommandStreams = all, kind: 'exec' | 'attach' = 'exec', owner = 'c1'): string {
  const mine = session;
  const open = async (signal: AbortSignal) => {
    signal.addEventListener('abort', () => mine.close());
    if (signal.aborted) mine.close();
    return mine;
  };
  return server.offer({ kind, owner, streams, open });
}

async function exit(client: ChannelClient, code: number): Promise<void> {
  session.exits(code);
  assert.equal(await client.closed, 1000);
}

/** A client hears of the end before the server does. */
async function noneLive(): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!/kind="exec"\} 0$/m.test(await registry.getSingleMetricAsString('cria_stream_sessions'))) {
    if (Date.now() > deadline) assert.fail('sessions are left');
    await sleep(5);
  }
}

before(() => server.listen());
after(() => server.close());
beforeEach(() => {
  session = new MemorySession();
});

describe('requests', () => {
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
    const url = offer();
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/exec\/[\w-]{22,}$/);
    assert.equal(await ask(url.replace('/exec/', '/attach/'), {}), 404);
    assert.equal(await ask(url, {}), 404);
    assert.equal(await ask(url.replace(/[^/]+$/, 'unknown'), {}), 404);
    assert.equal(await ask(url.replace(/exec.*/, ''), {}), 404);
  });

  test('what is wrong is told by code, and costs the token', async () => {
    const spdy = { connection: 'Upgrade', upgrade: 'SPDY/3.1' };
    const v4 = { 'x-stream-protocol-version': 'v4.channel.k8s.io' };
    assert.equal(await ask(offer(), {}), 400);
    assert.equal(await ask(offer(), spdy, 'POST'), 400);
    assert.equal(await ask(offer(), { ...spdy, 'x-stream-protocol-version': 'v9' }, 'POST'), 403);
    assert.equal(await ask(offer(), v4, 'POST'), 400);
    assert.equal(await ask(offer(), {}, 'PUT'), 405);
    const url = offer();
    assert.equal(await ask(url, {}), 400);
    assert.equal(await ask(url, { ...spdy, ...v4 }, 'POST'), 404);
  });

  test('a WebSocket protocol that is unknown, a handshake that is none', async () => {
    await assert.rejects(ChannelClient.connect(offer(), 'v9.channel.k8s.io'), /refused with 403/);
    const webSocket = { connection: 'Upgrade', upgrade: 'websocket' };
    assert.equal(await ask(offer(), webSocket), 400);
    assert.equal(await ask(offer(), webSocket, 'POST'), 405);
    const last = await ChannelClient.connect(offer(), 'v4.channel.k8s.io');
    await exit(last, 0);
    await noneLive();
  });
});

for (const [protocol, isJson] of [
  ['v5.channel.k8s.io', true],
  ['v4.channel.k8s.io', true],
  ['v4.base64.channel.k8s.io', true],
  ['v3.channel.k8s.io', false],
  ['channel.k8s.io', false],
  ['base64.channel.k8s.io', false],
  ['', false],
] as const) {
  describe(`a command by "${protocol}"`, () => {
    test('the first message is empty, on stdout; streams are apart, the outcome comes last', async () => {
      const client = await ChannelClient.connect(offer(), protocol);
      await client.until(() => client.order.length === 1, 'a first message');
      assert.deepEqual([client.order, client.text(1)], [[1], '']);
      client.send(0, 'to the command');
      session.stdin.once('data', (chunk: Buffer) => session.stdout.write(`got ${chunk}`));
      session.stderr.write(Buffer.from([0, 255, 10]));
      await client.until(() => client.channels.has(2) && client.text(1) !== '', 'both outputs');
      await exit(client, 7);
      assert.equal(client.text(1), 'got to the command');
      assert.deepEqual(client.channels.get(2), Buffer.from([0, 255, 10]));
      assert.equal(client.order.at(-1), 3);
      if (!isJson) {
        assert.equal(client.text(3), 'command terminated with non-zero exit code: 7');
        return;
      }
      const { status, reason, details } = client.outcome;
      assert.deepEqual([status, reason], ['Failure', 'NonZeroExitCode']);
      assert.deepEqual(details, { causes: [{ reason: 'ExitCode', message: '7' }] });
    });

    test('success', async () => {
      const client = await ChannelClient.connect(offer(), protocol);
      await exit(client, 0);
      if (isJson) assert.deepEqual(client.outcome, { metadata: {}, status: 'Success' });
      else assert.equal(client.channels.has(3), false);
    });

    test('a failure is told', async () => {
      const client = await ChannelClient.connect(offer(), protocol);
      session.fails(new DaemonError('unknown', 'the command could not be started'));
      await client.closed;
      assert.match(client.text(3), /the command could not be started/);
      if (isJson) assert.equal(client.outcome.reason, 'InternalError');
    });
  });
}

describe('a client of exec', () => {
  test('ends its stdin in version 5, and hears the rest', async () => {
    const client = await ChannelClient.connect(offer(), 'v5.channel.k8s.io');
    const chunks: Buffer[] = [];
    session.stdin.on('data', (chunk: Buffer) => chunks.push(chunk));
    client.send(0, 'all');
    client.endChannel(0);
    client.send(0, 'too late');
    await new Promise((resolve) => session.stdin.once('end', resolve));
    session.stdout.write('behind the end');
    await exit(client, 0);
    assert.equal(Buffer.concat(chunks).toString(), 'all');
    assert.equal(client.text(1), 'behind the end');
  });

  test('without stdout hears first on the channel of errors', async () => {
    const client = await ChannelClient.connect(
      offer({ ...all, stdout: false, stderr: false }),
      'v4.channel.k8s.io',
    );
    await client.until(() => client.order.length === 1, 'a first message');
    assert.deepEqual(client.order, [3]);
    await exit(client, 0);
  });

  test('changes the size of its terminal; what is no size is dropped', async () => {
    const client = await ChannelClient.connect(
      offer({ ...all, stderr: false, terminal: true }),
      'v4.channel.k8s.io',
    );
    client.send(4, '{"Width":80,"Height":24}');
    client.send(4, '{"Width":0,"Height":24}{"Width":13');
    client.send(4, '2,"Height":43}\n');
    const seen = () => session.sizes.at(-1)?.columns === 132;
    await client.until(seen, 'the last size');
    assert.deepEqual(session.sizes.at(-1), { columns: 132, rows: 43 });
    client.send(4, 'no size at all}');
    session.stdout.write('lives');
    await client.until(() => client.text(1) === 'lives', 'the session goes on');
    await exit(client, 0);
  });

  test('attaches with two sizes, of which its own is the second: both are set, also when the session comes late', async () => {
    let opened = (): void => {};
    const gate = new Promise<void>((resolve) => {
      opened = resolve;
    });
    const mine = session;
    const streams = { ...all, stderr: false, terminal: true };
    const open = async () => {
      await gate;
      return mine;
    };
    const client = await ChannelClient.connect(
      server.offer({ kind: 'attach', owner: 'c1', streams, open }),
      'v4.channel.k8s.io',
    );
    for (const size of ['{"Width":1,"Height":1}', '{"Width":81,"Height":25}', '{"Width":80,"Height":24}'])
      client.send(4, size);
    client.socket.ping();
    await new Promise((resolve) => client.socket.once('pong', resolve)); // the server has got them
    opened();
    await client.until(() => session.sizes.length === 2, 'both sizes');
    assert.deepEqual(session.sizes, [
      { columns: 81, rows: 25 },
      { columns: 80, rows: 24 },
    ]);
    await exit(client, 0);
  });

  test('that leaves takes its session along', async () => {
    const client = await ChannelClient.connect(offer(), 'v4.channel.k8s.io');
    session.stdout.write('hello');
    await client.until(() => client.text(1) === 'hello', 'output');
    client.socket.terminate();
    await client.until(() => session.isClosed, 'the session is closed');
    await noneLive();
  });

  test('that does not read holds its command up, and hears the exit code behind all the output', async () => {
    const client = await ChannelClient.connect(offer(), 'v4.channel.k8s.io');
    client.socket.pause();
    const chunk = Buffer.alloc(64 * 1024, 'x');
    let written = 0;
    let isFull = false;
    // Until the kernel's buffers and all of ours are full: a command that is not held up would never stop.
    while (!isFull && written < 64 * 1024 * 1024) {
      written += chunk.length;
      if (session.stdout.write(chunk)) continue;
      const drained = new Promise<boolean>((resolve) => session.stdout.once('drain', () => resolve(true)));
      const isDrained = await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, 1500))]);
      isFull = isDrained !== true;
    }
    assert.ok(isFull, 'the command is never held up');
    session.exits(3);
    client.socket.resume();
    assert.equal(await client.closed, 1000);
    assert.equal(client.channels.get(1)?.length, written);
    assert.deepEqual(client.outcome.details, { causes: [{ reason: 'ExitCode', message: '3' }] });
  });

  test('that sends more than its command reads is not read; output gets through', async () => {
    const client = await ChannelClient.connect(offer(), 'v4.channel.k8s.io');
    const part = Buffer.alloc(1024 * 1024, 'y');
    for (let sent = 0; sent < 64; sent++) client.send(0, part);
    await client.until(() => session.stdin.readableLength > 0, 'the first bytes');
    session.stdout.write('output gets through');
    await client.until(() => client.text(1) !== '', 'output');
    assert.ok(client.socket.bufferedAmount > 16 * part.length, 'the server has taken what nobody reads');
    let got = 0;
    session.stdin.on('data', (chunk: Buffer) => {
      got += chunk.length;
    });
    await client.until(() => got === 64 * part.length, 'all of it');
    await exit(client, 0);
  });

  test('that leaves while its stdin is not read is found to be gone', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const client = await ChannelClient.connect(offer(), 'v4.channel.k8s.io');
    for (let sent = 0; sent < 64; sent++) client.send(0, Buffer.alloc(1024 * 1024));
    await client.until(() => session.stdin.readableLength > 0, 'the first bytes');
    session.stdout.write('output gets through');
    await client.until(() => client.text(1) !== '', 'output');
    client.socket.terminate();
    await client.until(() => {
      t.mock.timers.tick(5_000);
      return session.isClosed;
    }, 'the session is closed');
  });

  test('whose command closes its stdin goes on', async () => {
    const client = await ChannelClient.connect(offer(), 'v4.channel.k8s.io');
    session.stdin.destroy();
    for (let sent = 0; sent < 8; sent++) client.send(0, Buffer.alloc(256 * 1024));
    client.send(4, '{"Width":80,"Height":24}');
    await client.until(() => session.sizes.length === 1, 'what is sent behind it');
    await exit(client, 0);
  });

  test('as one too many is turned away', async () => {
    const clients: ChannelClient[] = [];
    session.stdout.setMaxListeners(0);
    session.stderr.setMaxListeners(0);
    session.stdin.setMaxListeners(0);
    const urls = Array.from({ length: sessionsMax + 1 }, () => offer(all, 'exec', 'crowded'));
    const last = urls.pop() ?? '';
    for (const url of urls) clients.push(await ChannelClient.connect(url, 'v4.channel.k8s.io'));
    assert.throws(
      () => offer(all, 'exec', 'crowded'),
      (error) => hasKind(error, 'resource-exhausted'),
    );
    await assert.rejects(ChannelClient.connect(last, 'v4.channel.k8s.io'), /refused with 429/);
    offer(all, 'exec', 'another');
    session.exits(0);
    await Promise.all(clients.map(({ closed }) => closed));
    await noneLive();
    offer(all, 'exec', 'crowded');
    assert.match(await registry.metrics(), /cria_stream_sessions_refused_total\{kind="exec"\} 2/);
  });
});

test('the end of an attachment is success, whatever the container has exited with', async () => {
  const client = await ChannelClient.connect(offer(all, 'attach'), 'v4.channel.k8s.io');
  await exit(client, 9);
  assert.equal(client.outcome.status, 'Success');
});

test('an address that is taken, and one of IPv6', async () => {
  const port = Number(new URL(offer()).port);
  const make = (address: { host: string; port: number }) =>
    new StreamServer({ ...settings, address }, metrics, silentLogger);
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
  const idle = manualTimer(t, settings.timeouts.idleMs);
  const client = await ChannelClient.connect(offer(), 'v4.channel.k8s.io');
  const before = idle.refreshes;
  client.socket.ping();
  await new Promise((resolve) => client.socket.once('pong', resolve));
  assert.ok(idle.refreshes > before);
  idle.goOff();
  await client.closed;
  await client.until(() => session.isClosed, 'the session is closed');
});

test('at its end all clients are told, and none is waited for', async () => {
  const own = new StreamServer(settings, metrics, silentLogger);
  await own.listen();
  const open = async (signal: AbortSignal) => {
    const mine = new MemorySession();
    signal.addEventListener('abort', () => mine.close());
    return mine;
  };
  const ticket = { kind: 'exec', owner: 'c', streams: all, open } as const;
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

describe('port-forward by WebSocket', () => {
  const pod = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      const text = Buffer.concat(chunks).toString();
      if (text.endsWith('\n')) socket.end(`got ${text}`);
    });
  });

  before(() => new Promise<void>((resolve) => void pod.listen(0, '127.0.0.1', () => resolve())));
  after(() => void pod.close());

  for (const protocol of ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io', '']) {
    test(`each port has two channels, which begin with it ("${protocol}")`, async () => {
      const { port } = pod.address() as AddressInfo;
      const url = server.offer({
        ...{ kind: 'portforward', owner: 'p1', ports: [port, 1] },
        watch: () => ({ stopped: new AbortController().signal, release: () => {} }),
        dial: async (to: number): Promise<Socket> => {
          if (to !== port) throw new DaemonError('unavailable', 'connection refused');
          return connect({ port, allowHalfOpen: true });
        },
      });
      const client = await ChannelClient.connect(url, protocol);
      client.send(0, 'line\n');
      assert.equal(await client.closed, 1000);
      const word = Buffer.alloc(2);
      word.writeUInt16LE(port);
      assert.deepEqual(client.channels.get(0), Buffer.concat([word, Buffer.from('got line\n')]));
      assert.deepEqual(client.channels.get(1), word);
      assert.deepEqual(client.channels.get(2), Buffer.from([1, 0]));
      assert.match(client.text(3), /error forwarding port 1 to pod p1: connection refused$/);
    });
  }
});

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { allStreams, MemoryCommands } from '../../../test/fakes/memory-commands.ts';
import { MemorySession } from '../../../test/fakes/memory-session.ts';
import { ChannelClient } from '../../../test/harness/channel-client.ts';
import { DaemonError } from '../../errors/daemon-error.ts';

const world = new MemoryCommands();

before(() => world.start());
after(() => world.close());
beforeEach(() => {
  world.session = new MemorySession();
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
      const client = await ChannelClient.connect(world.offer(), protocol);
      await client.until(() => client.order.length === 1, 'a first message');
      assert.deepEqual([client.order, client.text(1)], [[1], '']);
      client.send(0, 'to the command');
      world.session.stdin.once('data', (chunk: Buffer) => world.session.stdout.write(`got ${chunk}`));
      world.session.stderr.write(Buffer.from([0, 255, 10]));
      await client.until(() => client.channels.has(2) && client.text(1) !== '', 'both outputs');
      await world.exit(client, 7);
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
      const client = await ChannelClient.connect(world.offer(), protocol);
      await world.exit(client, 0);
      if (isJson) assert.deepEqual(client.outcome, { metadata: {}, status: 'Success' });
      else assert.equal(client.channels.has(3), false);
    });

    test('a failure is told', async () => {
      const client = await ChannelClient.connect(world.offer(), protocol);
      world.session.fails(new DaemonError('unknown', 'the command could not be started'));
      await client.closed;
      assert.match(client.text(3), /the command could not be started/);
      if (isJson) assert.equal(client.outcome.reason, 'InternalError');
    });
  });
}

describe('a client of exec', () => {
  test('ends its stdin in version 5, and hears the rest', async () => {
    const client = await ChannelClient.connect(world.offer(), 'v5.channel.k8s.io');
    const chunks: Buffer[] = [];
    world.session.stdin.on('data', (chunk: Buffer) => chunks.push(chunk));
    client.send(0, 'all');
    client.endChannel(0);
    client.send(0, 'too late');
    await new Promise((resolve) => world.session.stdin.once('end', resolve));
    world.session.stdout.write('behind the end');
    await world.exit(client, 0);
    assert.equal(Buffer.concat(chunks).toString(), 'all');
    assert.equal(client.text(1), 'behind the end');
  });

  test('sends little to a stdin that is not read, and much that is dropped: what waits holds no more than its bytes', async () => {
    const client = await ChannelClient.connect(world.offer(), 'v5.channel.k8s.io');
    const count = 100;
    for (let i = 0; i < count; i++) {
      client.send(0, 'x');
      client.send(9, Buffer.alloc(60_000));
    }
    await client.until(() => world.session.stdin.readableLength === count, 'all has come');
    let heldBytes = 0;
    world.session.stdin.on('data', ({ buffer }: Buffer) => (heldBytes += buffer.byteLength));
    await world.exit(client, 0);
    assert.ok(heldBytes <= 4 * count, `${heldBytes} bytes are held`);
  });

  test('without stdout hears first on the channel of errors', async () => {
    const client = await ChannelClient.connect(
      world.offer({ ...allStreams, stdout: false, stderr: false }),
      'v4.channel.k8s.io',
    );
    await client.until(() => client.order.length === 1, 'a first message');
    assert.deepEqual(client.order, [3]);
    await world.exit(client, 0);
  });

  test('changes the size of its terminal; what is no size is dropped', async () => {
    const client = await ChannelClient.connect(
      world.offer({ ...allStreams, stderr: false, terminal: true }),
      'v4.channel.k8s.io',
    );
    client.send(4, '{"Width":80,"Height":24}');
    client.send(4, '{"Width":0,"Height":24}{"Width":13');
    client.send(4, '2,"Height":43}\n');
    const seen = () => world.session.sizes.at(-1)?.columns === 132;
    await client.until(seen, 'the last size');
    assert.deepEqual(world.session.sizes.at(-1), { columns: 132, rows: 43 });
    client.send(4, 'no size at all}');
    world.session.stdout.write('lives');
    await client.until(() => client.text(1) === 'lives', 'the session goes on');
    await world.exit(client, 0);
  });

  test('attaches with two sizes, of which its own is the second: both are set, also when the session comes late', async () => {
    let opened = (): void => {};
    const gate = new Promise<void>((resolve) => {
      opened = resolve;
    });
    const mine = world.session;
    const streams = { ...allStreams, stderr: false, terminal: true };
    const open = async () => {
      await gate;
      return mine;
    };
    const client = await ChannelClient.connect(
      world.server.offer({ kind: 'attach', owner: 'c1', streams, open }),
      'v4.channel.k8s.io',
    );
    for (const size of ['{"Width":1,"Height":1}', '{"Width":81,"Height":25}', '{"Width":80,"Height":24}'])
      client.send(4, size);
    client.socket.ping();
    await new Promise((resolve) => client.socket.once('pong', resolve)); // the server has got them
    opened();
    await client.until(() => world.session.sizes.length === 2, 'both sizes');
    assert.deepEqual(world.session.sizes, [
      { columns: 81, rows: 25 },
      { columns: 80, rows: 24 },
    ]);
    await world.exit(client, 0);
  });
});

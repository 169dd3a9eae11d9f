// By WebSocket; a client in JavaScript reads as slowly as it likes.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { manualTimer } from '../../test/fakes/manual-timer.ts';
import { allStreams, MemoryCommands } from '../../test/fakes/memory-commands.ts';
import { MemorySession } from '../../test/fakes/memory-session.ts';
import { ChannelClient } from '../../test/harness/channel-client.ts';
import { readingMaxMs } from './stream-client.ts';

const world = new MemoryCommands();

before(() => world.start());
after(() => world.close());
beforeEach(() => {
  world.session = new MemorySession();
});

describe('a client', () => {
  test('that leaves takes its session along', async () => {
    const client = await ChannelClient.connect(world.offer(), 'v4.channel.k8s.io');
    world.session.stdout.write('hello');
    await client.until(() => client.text(1) === 'hello', 'output');
    client.socket.terminate();
    await client.until(() => world.session.isClosed, 'the session is closed');
    await world.noneLive();
  });

  test('that does not read holds its command up, and hears the exit code behind all the output', async () => {
    const client = await ChannelClient.connect(world.offer(), 'v4.channel.k8s.io');
    client.socket.pause();
    const chunk = Buffer.alloc(64 * 1024, 'x');
    let written = 0;
    let isFull = false;
    // Until the kernel's buffers and all of ours are full: a command that is not held up would never stop.
    while (!isFull && written < 64 * 1024 * 1024) {
      written += chunk.length;
      if (world.session.stdout.write(chunk)) continue;
      const drained = new Promise<boolean>((resolve) =>
        world.session.stdout.once('drain', () => resolve(true)),
      );
      const isDrained = await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, 1500))]);
      isFull = isDrained !== true;
    }
    assert.ok(isFull, 'the command is never held up');
    world.session.exits(3);
    client.socket.resume();
    assert.equal(await client.closed, 1000);
    assert.equal(client.channels.get(1)?.length, written);
    assert.deepEqual(client.outcome.details, { causes: [{ reason: 'ExitCode', message: '3' }] });
  });

  test('that never reads what its command has left is cut off at last; each byte that it takes gives it time', async (t) => {
    const reading = manualTimer(t, readingMaxMs);
    const client = await ChannelClient.connect(world.offer(), 'v4.channel.k8s.io');
    client.socket.pause();
    const chunk = Buffer.alloc(1024 * 1024);
    for (let written = 0; written < 32; written++) world.session.stdout.write(chunk);
    world.session.exits(3);
    await client.until(() => reading.isSet, 'the command has ended');
    const before = reading.refreshes;
    const pause = (): void => {
      if (reading.refreshes > before) client.socket.pause();
    };
    client.socket.on('message', pause);
    client.socket.resume();
    await client.until(() => reading.refreshes > before, 'progress');
    client.socket.off('message', pause);
    reading.goOff();
    client.socket.resume();
    assert.equal(await client.closed, 1006);
    await world.noneLive();
  });

  test('that sends more than its command reads is not read; output gets through', async () => {
    const client = await ChannelClient.connect(world.offer(), 'v4.channel.k8s.io');
    const part = Buffer.alloc(1024 * 1024, 'y');
    for (let sent = 0; sent < 64; sent++) client.send(0, part);
    await client.until(() => world.session.stdin.readableLength > 0, 'the first bytes');
    world.session.stdout.write('output gets through');
    await client.until(() => client.text(1) !== '', 'output');
    assert.ok(client.socket.bufferedAmount > 16 * part.length, 'the server has taken what nobody reads');
    let got = 0;
    world.session.stdin.on('data', (chunk: Buffer) => {
      got += chunk.length;
    });
    await client.until(() => got === 64 * part.length, 'all of it');
    await world.exit(client, 0);
  });

  test('that leaves while its stdin is not read is found to be gone', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const client = await ChannelClient.connect(world.offer(), 'v4.channel.k8s.io');
    for (let sent = 0; sent < 64; sent++) client.send(0, Buffer.alloc(1024 * 1024));
    await client.until(() => world.session.stdin.readableLength > 0, 'the first bytes');
    world.session.stdout.write('output gets through');
    await client.until(() => client.text(1) !== '', 'output');
    client.socket.terminate();
    await client.until(() => {
      t.mock.timers.tick(5_000);
      return world.session.isClosed;
    }, 'the session is closed');
  });

  test('whose command closes its stdin goes on', async () => {
    const client = await ChannelClient.connect(world.offer(), 'v4.channel.k8s.io');
    world.session.stdin.destroy();
    for (let sent = 0; sent < 8; sent++) client.send(0, Buffer.alloc(256 * 1024));
    client.send(4, '{"Width":80,"Height":24}');
    await client.until(() => world.session.sizes.length === 1, 'what is sent behind it');
    await world.exit(client, 0);
  });
});

test('the end of an attachment is success, whatever the container has exited with', async () => {
  const client = await ChannelClient.connect(world.offer(allStreams, 'attach'), 'v4.channel.k8s.io');
  await world.exit(client, 9);
  assert.equal(client.outcome.status, 'Success');
});

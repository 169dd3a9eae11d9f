import assert from 'node:assert/strict';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { controlFrame, words } from '../../../test/harness/spdy-client.ts';
import { mebibyte, opened, there } from '../../../test/harness/spdy-command.ts';
import { hasKind } from '../../errors/daemon-error.ts';

test('stdin that is not read stops the client, and loses nothing', async (t) => {
  const { client, remote, pair } = await opened(t);
  const stdin = there(client.stdin);
  const sent = Buffer.alloc(24 * mebibyte, 'abcdefgh-');
  const [first, rest] = [sent.subarray(0, 1000), sent.subarray(1000)];
  remote['stdin']!.write(first);
  await once(stdin, 'readable');
  for (let at = 0; at < rest.length; at += 32_768) remote['stdin']!.write(rest.subarray(at, at + 32_768));
  remote['stdin']!.end();
  // All that the kernel takes has come when nothing more does; the server holds little of it.
  while (!pair.server.isPaused()) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(stdin.readableLength < mebibyte, `${stdin.readableLength} bytes wait`);
  assert.ok(sent.equals(await buffer(stdin)));
});

test('stdin that is not read holds little more memory than its bytes, whatever else comes', async (t) => {
  const { client, remote, spdy } = await opened(t);
  const stdin = there(client.stdin);
  const count = 100;
  for (let i = 0; i < count; i++) {
    remote['stdin']!.write('x');
    remote['error']!.write(Buffer.alloc(60_000)); // is dropped
  }
  spdy.ping(1);
  await spdy.until('all has come', () => spdy.pings.includes(1));
  assert.equal(stdin.readableLength, count);
  let heldBytes = 0;
  stdin.on('data', ({ buffer: memory }: Buffer) => (heldBytes += memory.byteLength));
  remote['stdin']!.end();
  await once(stdin, 'end');
  assert.ok(heldBytes <= 4 * count, `${heldBytes} bytes are held`);
});

test('a client that leaves while its stdin is not read is found to be gone', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { client, remote, pair } = await opened(t);
  const chunk = Buffer.alloc(mebibyte);
  while (!pair.server.isPaused()) {
    if (pair.client.writableLength < mebibyte) remote['stdin']!.write(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  pair.client.destroy();
  while (!client.gone.aborted) {
    t.mock.timers.tick(5_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(hasKind(client.gone.reason, 'cancelled'));
});

test('output that is not read stops the command, and loses nothing', async (t) => {
  const { client, remote, spdy, pair } = await opened(t);
  pair.client.pause();
  const stdout = there(client.stdout);
  const chunk = Buffer.alloc(65_536, 'x');
  let written = 0;
  const write = (): boolean => {
    written += chunk.length;
    return stdout.write(chunk);
  };
  for (let isOpen = true; isOpen; ) {
    isOpen = write();
    // The kernel's buffers take their time: blocked is what stays so.
    for (let turn = 0; turn < 50 && !isOpen; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      isOpen = !stdout.writableNeedDrain;
    }
  }
  assert.ok(pair.server.writableLength + stdout.writableLength < mebibyte);
  void client.finish({ kind: 'exited', code: 0 });
  pair.client.resume();
  await spdy.until('the end', () => spdy.hasEnded);
  assert.equal(remote['stdout']!.bytes, written);
  assert.equal(remote['error']!.text(), '{"metadata":{},"status":"Success"}');
});

test('a client that asks and never reads is not read for ever', async (t) => {
  const { spdy, pair } = await opened(t);
  pair.client.pause();
  const pings = Buffer.concat(Array.from({ length: 4096 }, (_, i) => controlFrame(6, 0, words(2 * i + 1))));
  let sent = 0;
  while (!pair.server.isPaused()) {
    if (pair.client.writableLength < mebibyte && pair.client.write(pings)) sent += 4096;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(pair.server.writableLength < mebibyte);
  pair.client.resume();
  await spdy.until('all answers', () => spdy.pings.length >= sent);
});

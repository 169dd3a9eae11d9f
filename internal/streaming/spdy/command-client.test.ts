import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { type TestContext, test } from 'node:test';
import { manualTimer } from '../../../test/fakes/manual-timer.ts';
import { type SocketPair, socketPair } from '../../../test/harness/socket-pair.ts';
import { type ClientStream, controlFrame, SpdyClient, words } from '../../../test/harness/spdy-client.ts';
import { hasKind } from '../../errors/daemon-error.ts';
import type { TerminalSize } from '../../monitor/stream-session.ts';
import { type CommandClient, type CommandStreams, readingMaxMs } from '../stream-client.ts';
import { acceptSpdyCommand } from './command-client.ts';
import { headerDictionary } from './header-dictionary.ts';

const patient = { idleMs: 600_000, creationMs: 600_000 };
const plain: CommandStreams = { stdin: true, stdout: true, stderr: true, terminal: false };
const mebibyte = 1024 * 1024;

async function connected(t: TestContext): Promise<SocketPair & { spdy: SpdyClient }> {
  const pair = await socketPair();
  t.after(() => {
    pair.client.destroy();
    pair.server.destroy();
  });
  return { ...pair, spdy: new SpdyClient(pair.client, headerDictionary()) };
}

interface Opened {
  readonly spdy: SpdyClient;
  readonly pair: SocketPair;
  readonly client: CommandClient;
  readonly remote: Readonly<Record<string, ClientStream>>;
}

async function opened(t: TestContext, streams = plain, version = 4, timeouts = patient): Promise<Opened> {
  const pair = await connected(t);
  const accepted = acceptSpdyCommand(pair.server, version, streams, timeouts);
  const remote: Record<string, ClientStream> = {};
  const types = { error: true, ...streams, stderr: streams.stderr && !streams.terminal };
  for (const [type, isOpen] of Object.entries({ ...types, terminal: false, resize: streams.terminal }))
    if (isOpen) remote[type] = await pair.spdy.open({ streamtype: type });
  return { pair, spdy: pair.spdy, client: await accepted, remote };
}

/** The stream, which has to be there. */
function there<T extends Readable | Writable>(stream: T | undefined): T {
  assert.ok(stream !== undefined);
  return stream;
}

async function aborted(signal: AbortSignal): Promise<unknown> {
  if (!signal.aborted) await once(signal, 'abort');
  return signal.reason;
}

test('a command: input to its end, both outputs, the exit code, and the end as Go clients wait for it', async (t) => {
  const { spdy, client, remote } = await opened(t);
  remote['stdin']!.write('hello ');
  remote['stdin']!.end('world');
  assert.equal(String(await buffer(there(client.stdin))), 'hello world');
  there(client.stdout).write('to out');
  there(client.stderr).end('to err');
  const done = client.finish({ kind: 'exited', code: 3 });
  await spdy.until('the end', () => spdy.hasEnded);
  assert.equal(remote['stdout']!.text(), 'to out');
  assert.equal(remote['stderr']!.text(), 'to err');
  assert.deepEqual(
    ['stdout', 'stderr', 'error'].map((type) => remote[type]!.hasEnded),
    [true, true, true],
  );
  assert.equal(JSON.parse(remote['error']!.text()).details.causes[0].message, '3');
  assert.equal(spdy.goAway, 0);
  assert.equal(remote['stdout']!.resetStatus, 5);
  spdy.socket.end();
  await done;
  assert.equal(client.gone.aborted, true);
  assert.equal(spdy.replyHeaders().toString('hex'), '00000000'.repeat(4));
});

test('a terminal: no stderr; sizes, also the last one of those before the listener', async (t) => {
  const { spdy, client, remote } = await opened(t, {
    stdin: true,
    stdout: true,
    stderr: false,
    terminal: true,
  });
  assert.equal(client.stderr, undefined);
  remote['resize']!.write('{"Width":80,"Height":24}\n{"Width":100,"Height":30}\n');
  spdy.ping(7);
  await spdy.until('the answer to a ping behind the sizes', () => spdy.pings.includes(7));
  const sizes: TerminalSize[] = [];
  client.onResize((size) => sizes.push(size));
  assert.deepEqual(sizes, [{ columns: 100, rows: 30 }]);
  remote['resize']!.write('{"Width":133,"Height":44}');
  spdy.ping(9);
  await spdy.until('the next answer', () => spdy.pings.includes(9));
  assert.deepEqual(sizes[1], { columns: 133, rows: 44 });
  remote['resize']!.write('this is no size');
  remote['resize']!.write('}');
  there(client.stdout).write('still here');
  await spdy.until('output', () => remote['stdout']!.text() === 'still here');
});

test('frames that come byte by byte mean the same', async (t) => {
  const { server, client: socket, spdy } = await connected(t);
  const sent: Buffer[] = [];
  spdy.send = (frame) => sent.push(frame);
  spdy.data = (id, data, flags) => {
    const head = words(id, data.length);
    head[4] = flags;
    sent.push(head, data);
    return true;
  };
  const streams = { stdin: true, stdout: false, stderr: false, terminal: false };
  const accepted = acceptSpdyCommand(server, 4, streams, patient);
  await spdy.offer({ streamtype: 'error' });
  const stdin = await spdy.offer({ streamtype: 'stdin' });
  stdin.write('in pieces');
  stdin.end();
  for (const byte of Buffer.concat(sent)) {
    if (!socket.write(Buffer.of(byte))) await once(socket, 'drain');
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(String(await buffer(there((await accepted).stdin))), 'in pieces');
});

test('a stream that the request did not ask for is reset, as is a second one of a kind', async (t) => {
  const { server, spdy } = await connected(t);
  const streams = { stdin: false, stdout: true, stderr: false, terminal: false };
  const accepted = acceptSpdyCommand(server, 4, streams, patient);
  await spdy.open({ streamtype: 'error' });
  const odd = ['stdin', 'error', 'resize', 'nonsense', ''];
  const bad = await Promise.all(odd.map((streamtype) => spdy.offer({ streamtype })));
  await spdy.until('resets', () => bad.every((stream) => stream.resetStatus === 1));
  await spdy.open({ streamtype: 'stdout' });
  assert.equal((await accepted).stdin, undefined);
});

test('streams that do not come: the connection is closed, and what is missing told', async (t) => {
  const { server, spdy } = await connected(t);
  const accepted = acceptSpdyCommand(server, 4, plain, { idleMs: 0, creationMs: 50 });
  const refused = assert.rejects(
    accepted,
    (error) =>
      hasKind(error, 'deadline-exceeded') && /error, stdin, stdout, stderr missing/.test(String(error)),
  );
  await spdy.until('the end', () => spdy.hasEnded);
  assert.equal(spdy.goAway, 0);
  spdy.socket.end();
  await refused;
});

test('a client that leaves: the streams fail, whatever waits in them', async (t) => {
  for (const leave of [
    ({ pair }: Opened) => pair.client.destroy(),
    ({ pair }: Opened) => pair.client.resetAndDestroy(),
    ({ pair }: Opened) => pair.client.end(),
    ({ spdy }: Opened) => spdy.sayGoAway(),
  ]) {
    const all = await opened(t);
    there(all.client.stdout).write('nobody reads this');
    leave(all);
    assert.ok(hasKind(await aborted(all.client.gone), 'cancelled'));
    await assert.rejects(finished(there(all.client.stdin)));
    await assert.rejects(finished(there(all.client.stdout)));
    all.pair.client.end();
    await all.client.finish({ kind: 'exited', code: 0 });
  }
});

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

test('one stream that is reset by the client ends or is dropped, the others go on', async (t) => {
  const { client, remote, spdy } = await opened(t);
  remote['stdin']!.write('last words');
  remote['stdin']!.reset();
  remote['stdout']!.reset();
  assert.equal(String(await buffer(there(client.stdin))), 'last words');
  const stdout = there(client.stdout);
  for (let i = 0; i < 100; i++) stdout.write(Buffer.alloc(65_536));
  await new Promise((resolve) => stdout.end(resolve));
  there(client.stderr).write('goes on');
  void client.finish({ kind: 'exited', code: 0 });
  await spdy.until('the end', () => spdy.hasEnded);
  assert.equal(remote['stderr']!.text(), 'goes on');
  assert.equal(remote['stdout']!.bytes, 0);
});

test('stdin that the command has closed is dropped without a word', async (t) => {
  const { client, remote, spdy } = await opened(t);
  there(client.stdin).destroy();
  for (let i = 0; i < 64; i++) remote['stdin']!.write(Buffer.alloc(65_536));
  remote['stdin']!.end();
  spdy.ping(1);
  await spdy.until('a ping behind it', () => spdy.pings.includes(1));
  assert.equal(remote['stdin']!.resetStatus, undefined);
});

test('a connection without a frame for too long is closed', async (t) => {
  const { server, spdy } = await connected(t);
  const accepted = acceptSpdyCommand(server, 4, plain, { idleMs: 50, creationMs: 600_000 });
  const refused = assert.rejects(accepted, /idle for too long/);
  await spdy.until('the end', () => spdy.hasEnded);
  assert.equal(spdy.goAway, 0);
  spdy.socket.end();
  await refused;
});

test('pings keep an idle connection open; one without them is closed', async (t) => {
  const idle = manualTimer(t, 4_321_000);
  const { spdy, client } = await opened(t, plain, 4, { idleMs: 4_321_000, creationMs: 600_000 });
  const before = idle.refreshes;
  spdy.ping(1);
  await spdy.until('the answer', () => spdy.pings.includes(1));
  assert.ok(idle.refreshes > before);
  idle.goOff();
  assert.match(String(await aborted(client.gone)), /idle for too long/);
});

test('a client that never reads what its command has left is cut off at last; what it takes gives it time', async (t) => {
  const reading = manualTimer(t, readingMaxMs);
  const { pair, client } = await opened(t);
  pair.client.pause();
  const stdout = there(client.stdout);
  for (let i = 0; i < 256; i++) stdout.write(Buffer.alloc(65_536));
  client.limitReading();
  assert.ok(reading.isSet);
  const done = client.finish({ kind: 'exited', code: 0 });
  const drained = once(pair.server, 'drain');
  pair.client.resume();
  await drained;
  pair.client.pause();
  assert.ok(reading.refreshes > 0);
  assert.equal(client.gone.aborted, false);
  reading.goOff();
  pair.client.resume();
  await done;
  assert.equal(client.gone.aborted, true);
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

const violations: Readonly<Record<string, Buffer>> = {
  'another version': controlFrame(6, 0, words(1)).fill(2, 1, 2),
  'a control frame of a megabyte': controlFrame(4, 0, Buffer.alloc(mebibyte)),
  'a ping without an id': controlFrame(6, 0, Buffer.alloc(0)),
  'a stream without headers': controlFrame(1, 0, Buffer.alloc(10)),
  'headers that are none': controlFrame(8, 0, Buffer.alloc(100, 0xff)),
};

for (const [name, frame] of Object.entries(violations)) {
  test(`a violation of the protocol ends the session: ${name}`, async (t) => {
    const { client, spdy } = await opened(t);
    spdy.send(frame);
    assert.match(String(await aborted(client.gone)), /does not speak SPDY/);
    await spdy.until('the end', () => spdy.hasEnded);
    assert.equal(spdy.goAway, 1);
  });
}

test('what other versions of SPDY know, and frames of streams that are not there, are passed over', async (t) => {
  const { client, spdy, remote } = await opened(t);
  spdy.send(controlFrame(4, 0, words(1, 4, 100)));
  spdy.send(controlFrame(9, 0, words(1, 65_536)));
  spdy.send(controlFrame(0x7777, 0xff, Buffer.from('?')));
  spdy.send(controlFrame(3, 0, words(999, 5)));
  spdy.data(999, Buffer.from('to nobody'), 1);
  spdy.ping(2);
  spdy.ping(3);
  remote['stdin']!.end('good');
  assert.equal(String(await buffer(there(client.stdin))), 'good');
  await spdy.until('the answer to our ping', () => spdy.pings.includes(3));
  assert.deepEqual(spdy.pings, [3]);
});

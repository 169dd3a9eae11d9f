import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { manualTimer } from '../../../test/fakes/manual-timer.ts';
import { aborted, connected, opened, plain, there } from '../../../test/harness/spdy-command.ts';
import { hasKind } from '../../errors/daemon-error.ts';
import { readingMaxMs } from '../stream-client.ts';
import { acceptSpdyCommand } from './command-client.ts';

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

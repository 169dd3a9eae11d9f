import assert from 'node:assert/strict';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { test } from 'node:test';
import { words } from '../../../test/harness/spdy-client.ts';
import {
  aborted,
  connected,
  type Opened,
  opened,
  patient,
  there,
} from '../../../test/harness/spdy-command.ts';
import { hasKind } from '../../errors/daemon-error.ts';
import type { TerminalSize } from '../../monitor/stream-session.ts';
import { acceptSpdyCommand } from './command-client.ts';

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

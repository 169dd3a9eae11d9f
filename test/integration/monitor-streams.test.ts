// Terminals, stdin and attached clients, over the monitor's socket.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { frameType } from '../../internal/monitor/frames.ts';
import { RawClient } from './monitor-client.ts';
import { joinLog, missing, until, useWorld } from './monitor-fixture.ts';

describe('monitor streams', { skip: missing() }, () => {
  const world = useWorld();

  test('stdin once: everything arrives, its end ends the container, the exit comes last', async () => {
    const { id } = await world.create(['sh', '-c', 'cat; echo end >&2; exit 6'], {
      stdin: true,
      stdinOnce: true,
    });
    const client = await RawClient.attach(world, id);
    world.start(id);
    const piece = Buffer.alloc(60_000, 'abcdefg\n');
    await client.write(Buffer.concat(Array.from({ length: 50 }, () => piece)));
    client.endStdin();
    await client.closed;
    assert.equal(client.text(frameType.stdout), piece.toString().repeat(50));
    assert.equal(client.text(frameType.stderr), 'end\n');
    assert.deepEqual(client.ends.filter((stream) => stream !== frameType.stdin).sort(), [
      frameType.stdout,
      frameType.stderr,
    ]);
    assert.equal(client.control.at(-1)?.['code'], 6);
    assert.equal((await world.exit(id)).code, 6);
  });

  test('a half-closed connection ends stdin as well, after what was sent', async () => {
    const { id } = await world.create(['cat'], { stdin: true, stdinOnce: true });
    const client = await RawClient.attach(world, id);
    await client.write(Buffer.from('last words'));
    client.socket.end();
    world.start(id);
    await client.closed;
    assert.equal(client.text(frameType.stdout), 'last words');
  });

  test('stdin that is kept survives its first client', async () => {
    const { id, request } = await world.create(['cat'], { stdin: true });
    world.start(id);
    for (const word of ['one', 'two']) {
      const client = await RawClient.attach(world, id);
      await client.write(Buffer.from(`${word}\n`));
      client.endStdin();
      await until(`${word} came back`, () => client.text(frameType.stdout) === `${word}\n`);
      client.socket.destroy();
    }
    await world.monitors.signal(id, 15);
    await world.monitors.signal(id, 9);
    await world.exit(id);
    assert.equal(joinLog(world.log(request), 'stdout').toString(), 'one\ntwo\n');
  });

  test('without stdin the container reads an end at once', async () => {
    const { exit } = await world.run(['cat']);
    assert.equal(exit.code, 0);
  });

  test('a client that does not read is disconnected and delays nobody', async () => {
    const script = 'sleep 0.3; head -c 6000000 /dev/zero | tr "\\0" x; echo; exit 5';
    const { id, request } = await world.create(['sh', '-c', script]);
    const slow = await RawClient.attach(world, id, { stdout: true });
    const quick = await RawClient.attach(world, id, { stdout: true });
    slow.socket.pause();
    world.start(id);
    assert.equal((await world.exit(id)).code, 5);
    await quick.closed;
    if (quick.errors.length === 0) assert.equal(quick.text(frameType.stdout).length, 6_000_001);
    slow.socket.resume();
    await slow.closed;
    assert.equal(slow.errors.length, 1);
    assert.equal(joinLog(world.log(request), 'stdout').length, 6_000_001);
  });

  test('a terminal: size from before the start, both streams as one', async () => {
    const script = 'test -t 0 && test -t 1 && test -t 2 && echo yes; stty size; echo err >&2; exit 3';
    const { id, request } = await world.create(['sh', '-c', script], { terminal: true, stdin: true });
    await world.monitors.resize(id, 123, 45);
    const client = await RawClient.attach(world, id);
    world.start(id);
    assert.equal((await world.exit(id)).code, 3);
    await client.closed;
    assert.equal(client.text(frameType.stdout), 'yes\r\n45 123\r\nerr\r\n');
    assert.equal(joinLog(world.log(request), 'stdout').toString(), 'yes\r\n45 123\r\nerr\r\n');
  });

  test('a terminal takes input, and a resize reaches the program', async () => {
    const script = 'trap "stty size" WINCH; echo ready; read line; echo "got $line"; read line; exit 0';
    const { id } = await world.create(['sh', '-c', script], { terminal: true, stdin: true });
    const client = await RawClient.attach(world, id);
    world.start(id);
    await until('ready', () => client.text(frameType.stdout).includes('ready'));
    await client.write(Buffer.from('word\n'));
    await until('the answer', () => client.text(frameType.stdout).includes('got word'));
    await world.monitors.resize(id, 77, 33);
    await client.write(Buffer.from('\n'));
    assert.equal((await world.exit(id)).code, 0);
    await client.closed;
    assert.match(client.text(frameType.stdout), /33 77/);
  });

  test('big output of a terminal is whole', async () => {
    const { request } = await world.run(['sh', '-c', 'seq 100000'], { terminal: true });
    const expected = Array.from({ length: 100_000 }, (_, at) => `${at + 1}\r\n`).join('');
    assert.equal(joinLog(world.log(request), 'stdout').toString(), expected);
  });

  test('a connection that speaks another protocol is closed and harms nothing', async () => {
    const { id } = await world.create(['sleep', '100000']);
    for (const bytes of [
      'GET / HTTP/1.1\r\n\r\n',
      '\xff'.repeat(6),
      '\x02\x00\x00\x00\x00\x00',
      '\x06\0\0\0\0\0nope',
    ]) {
      const socket = connect(join(world.root, 'm', id.slice(0, 12), 's'));
      socket.on('error', () => {});
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.resume();
      socket.write(Buffer.from(bytes, 'latin1'));
      await closed;
    }
    await world.monitors.signal(id, 9);
    assert.equal((await world.exit(id)).code, 137);
  });
});

// Attached clients with much to do, or too little: every byte, bounded memory, and nobody who is held up.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeFrame, frameType } from '../../internal/monitor/frames.ts';
import type { AttachRequest, StreamSession } from '../../internal/monitor/stream-session.ts';
import { isSanitized } from '../harness/monitor-build.ts';
import { ownKiB } from '../harness/proc.ts';
import { RawClient } from './monitor-client.ts';
import {
  joinLog,
  joinLogSoFar,
  missing,
  type Started,
  until,
  untilAtRest,
  useWorld,
} from './monitor-fixture.ts';

const never = new AbortController().signal;
const outputOnly = { stdin: false, stdout: true, stderr: false };
const megabyte = 1 << 20;

describe('attach under load', { skip: missing() }, () => {
  const world = useWorld();

  const attach = (containerId: string, extra: Partial<AttachRequest> = {}): Promise<StreamSession> =>
    world.monitors.attach({ containerId, ...outputOnly, mode: 'lossless', ...extra }, never);

  const logLength = ({ request }: Started): number => joinLogSoFar(world.log(request), 'stdout').length;

  /** Waits until the container writes nothing more; the length of what it has. */
  async function stalled(container: Started): Promise<number> {
    let before = -1;
    await until('the container is held up', async () => {
      const now = logLength(container);
      const isSame = now > 0 && now === before;
      before = now;
      if (!isSame) await sleep(200);
      return isSame;
    });
    return before;
  }

  test('100 MB reach a lossless client byte by byte', async () => {
    const block = randomBytes(megabyte);
    writeFileSync(join(world.root, 'rootfs/block'), block);
    const script = 'for i in $(seq 100); do cat /block; done';
    const { id } = await world.create(['sh', '-c', script], { logPath: undefined });
    const session = await attach(id);
    world.start(id);
    const received = createHash('sha256');
    let length = 0;
    for await (const chunk of session.stdout as Readable) {
      received.update(chunk);
      length += chunk.length;
    }
    const sent = createHash('sha256');
    for (let at = 0; at < 100; at++) sent.update(block);
    assert.equal(length, 100 * megabyte);
    assert.equal(received.digest('hex'), sent.digest('hex'));
    assert.equal((await session.exit).code, 0);
  });

  test('64 MB go through stdin byte by byte, and then its end', async () => {
    const { id, request } = await world.create(['sha256sum'], { stdin: true, stdinOnce: true });
    const session = await attach(id, { stdin: true });
    world.start(id);
    const sent = createHash('sha256');
    for (let at = 0; at < 64; at++) {
      const block = randomBytes(megabyte);
      sent.update(block);
      if (session.stdin?.write(block) === false)
        await new Promise((resolve) => session.stdin?.once('drain', resolve));
    }
    session.stdin?.end();
    session.stdout?.resume();
    assert.equal((await session.exit).code, 0);
    assert.equal(joinLog(world.log(request), 'stdout').toString(), `${sent.digest('hex')}  -\n`);
  });

  test('what a client has sent reaches the container although the client has gone', async () => {
    for (let at = 0; at < 20; at++) {
      const container = await world.create(['sh', '-c', 'sleep 0.1; wc -c'], {
        stdin: true,
        stdinOnce: true,
      });
      const client = await RawClient.attach(world, container.id);
      await until('stdin is granted', () => client.granted > 0);
      client.socket.write(encodeFrame(frameType.stdin, 0, Buffer.alloc(60_000)));
      client.socket.end(encodeFrame(frameType.stdin, 0, Buffer.alloc(5_000)), () => client.socket.destroy());
      world.start(container.id);
      assert.equal((await world.exit(container.id)).code, 0);
      assert.equal(joinLog(world.log(container.request), 'stdout').toString(), '65000\n');
    }
  });

  test('the frames of several writers are not mixed', async () => {
    const started = await world.create(['cat'], { stdin: true });
    const { id, request } = started;
    const clients = await Promise.all(
      Array.from({ length: 3 }, () => RawClient.attach(world, id, { stdin: true })),
    );
    const size = 40_000;
    const writing = clients.map(async (client, at) => {
      const frame = encodeFrame(frameType.stdin, 0, Buffer.alloc(size, 'abc'[at]));
      for (let count = 0; count < 25; count++) {
        await until('granted', () => client.granted >= size);
        client.granted -= size;
        client.socket.write(frame);
      }
    });
    world.start(id);
    await Promise.all(writing);
    await until('all is there', () => logLength(started) === 75 * size);
    const runs =
      joinLog(world.log(request), 'stdout')
        .toString()
        .match(/(.)\1*/g) ?? [];
    assert.deepEqual([...new Set(runs.map((run) => run.length % size))], [0]);
    await world.monitors.signal(id, 9);
    await world.exit(id);
  });

  test('a sleeping client holds nobody up when it drops', async () => {
    const container = await world.create(['sh', '-c', 'sleep 0.1; head -c 3000000 /dev/zero; exit 5']);
    const sleeping = await RawClient.attach(world, container.id, outputOnly);
    sleeping.socket.pause();
    const late = new RawClient(join(world.root, 'm', container.id.slice(0, 12), 's'));
    await late.request({ op: 'attach', mode: 'drop', ...outputOnly }); // and never grants anything
    world.start(container.id);
    await late.closed;
    assert.deepEqual([late.bytes(frameType.stdout).length, late.order.at(-1)], [0, frameType.error]);
    assert.equal((await world.exit(container.id)).code, 5);
    assert.equal(logLength(container), 3_000_000);
    sleeping.socket.resume();
    await sleeping.closed;
    assert.match(sleeping.errors.join(), /^ERR_SLOW: /);
    assert.equal(sleeping.order.at(-1), frameType.error);
  });

  test('a sleeping client holds the container up when it is lossless, until it is disconnected', async () => {
    const container = await world.create(['sh', '-c', 'head -c 3000000 /dev/zero; exit 5']);
    const session = await attach(container.id);
    const other = await attach(container.id);
    let seen = 0;
    other.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.length;
    });
    world.start(container.id);
    const length = await stalled(container);
    assert.ok(length < 700_000, `${length} bytes, and nobody has read them`); // the window, the ring, one read
    assert.equal(world.exits.has(container.id), false);
    await assert.rejects(session.exit, { kind: 'resource-exhausted', message: /reads too slowly/ });
    assert.equal((await world.exit(container.id)).code, 5);
    assert.equal((await other.exit).code, 5);
    assert.deepEqual([logLength(container), seen], [3_000_000, 3_000_000]);
  });

  test('a lossless client that wakes up in time has missed nothing', async () => {
    const container = await world.create(['sh', '-c', 'seq 300000; exit 5']);
    const session = await attach(container.id);
    world.start(container.id);
    await stalled(container);
    let text = '';
    for await (const chunk of session.stdout as Readable) text += chunk;
    assert.equal(text, Array.from({ length: 300_000 }, (_, at) => `${at + 1}\n`).join(''));
    assert.equal((await session.exit).code, 5);
  });

  test('the output of a container that ends is not lost because a client is just writing', async () => {
    for (let at = 0; at < 15; at++) {
      const { id } = await world.create(['sh', '-c', 'seq 2000; exit 6'], { stdin: true });
      const session = await attach(id, { stdin: true });
      session.stdin?.write(Buffer.alloc(megabyte));
      world.start(id);
      let text = '';
      for await (const chunk of session.stdout as Readable) text += chunk;
      assert.equal(text, Array.from({ length: 2000 }, (_, line) => `${line + 1}\n`).join(''));
      assert.equal((await session.exit).code, 6);
    }
  });

  test('a monitor that can do nothing sleeps: full stdin, sleeping clients, a terminal that nobody has open', async () => {
    const containers = [
      await world.create(['sleep', '1000'], { stdin: true }),
      await world.create(['sh', '-c', 'exec <&- >&- 2>&-; sleep 1000'], { stdin: true, terminal: true }),
    ];
    for (const { id, created } of containers) {
      const client = await RawClient.attach(world, id);
      world.start(id);
      await client.write(Buffer.alloc(60_000));
      if (created === containers[0]?.created)
        client.socket.write(encodeFrame(frameType.stdin, 0, Buffer.alloc(5_000)));
      await untilAtRest(created.monitorPid, 1_500);
      await world.monitors.signal(id, 9);
      await world.exit(id);
    }
  });

  test('100 clients leave nothing behind', async () => {
    const container = await world.create(['cat'], { stdin: true });
    const { monitorPid } = container.created;
    world.start(container.id);
    const fds = (): number => readdirSync(`/proc/${monitorPid}/fd`).length;
    const isSmall = () => isSanitized || ownKiB(monitorPid) <= 64; // with one client's data it is more
    const text = (what: string) => () => `${what} is given back: ${ownKiB(monitorPid)} KiB`;
    await until(text('the memory of the start'), isSmall);
    const openBefore = fds();
    for (let round = 0; round < 4; round++) {
      const clients = await Promise.all(
        Array.from({ length: 25 }, () => attach(container.id, { stdin: true })),
      );
      clients[round]?.stdin?.write(Buffer.alloc(100_000, `${round}\n`));
      for (const client of clients.slice(5)) client.stdout?.resume();
      await sleep(50);
      for (const client of clients) client.close();
      await until('all have left', () => fds() === openBefore);
    }
    await until(text('the memory'), isSmall);
    await world.monitors.signal(container.id, 9);
    await world.exit(container.id);
  });
});

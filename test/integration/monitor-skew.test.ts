// Versions that meet after an upgrade: the first released monitor under this daemon, and what that daemon sends to the
// monitor and the spawner of today.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readlinkSync, renameSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  decodeControl,
  encodeControl,
  encodeFrame,
  type Frame,
  FrameReader,
  frameType,
} from '../../internal/monitor/frames.ts';
import { monitorPath } from '../harness/monitor-build.ts';
import { oldMonitor } from '../harness/old-monitor.ts';
import { patienceMs } from '../harness/until.ts';
import { isAlive, joinLog, missing, type Started, until, useWorld, type World } from './monitor-fixture.ts';

const old = oldMonitor();
const ticking = ['sh', '-c', 'trap "echo end; exit 33" TERM; while true; do echo tick; sleep 0.02; done'];

describe('the first released monitor', { skip: missing() || ('missing' in old && old.missing) }, () => {
  const world = useWorld('path' in old ? old.path : '');

  /** A container of the old program, found by a daemon with today's. */
  async function upgraded(
    body: (started: Started, next: ReturnType<World['another']>) => Promise<void>,
  ): Promise<void> {
    const started = await world.create(ticking);
    world.start(started.id);
    await until(
      'it runs',
      () => existsSync(started.request.logPath ?? '') && world.log(started.request) !== '',
    );
    const next = world.another(monitorPath);
    try {
      const found = await next.monitors.adopt(started.id, started.created);
      assert.deepEqual(
        [found.phase, found.phase === 'running' && found.pid],
        ['running', started.created.pid],
      );
      await body(started, next);
    } finally {
      await next.monitors.remove(started.id);
      await next.spawner.close();
    }
  }

  test('makes and ends containers under this daemon, with its spawner too', async () => {
    const { request, exit, id } = await world.run(['sh', '-c', 'echo out; exit 32']);
    assert.equal(exit.code, 32);
    assert.equal(joinLog(world.log(request), 'stdout').toString(), 'out\n');
    await world.monitors.remove(id);
    const result = await world.spawner.run(
      { argv: ['/bin/echo', 'x'], env: {}, cwd: undefined, stdin: undefined, timeoutMs: patienceMs },
      new AbortController().signal,
    );
    assert.equal(result.stdout.toString(), 'x\n');
    assert.deepEqual(await world.spawner.hello(), { version: '', isKeeping: false, states: [0, 0] });
  });

  test('is followed after the upgrade: log, signal, exit code; it is not asked for what it cannot', async () => {
    await upgraded(async ({ id, request, created }, { monitors, exits }) => {
      const path = request.logPath ?? '';
      const streams = { stdin: true, stdout: true, stderr: true, mode: 'drop' } as const;
      await assert.rejects(
        monitors.attach({ containerId: id, ...streams }, new AbortController().signal),
        /cannot attach .* its monitor is of version 0\.1\.0, before attaching; restart the container/,
      );
      renameSync(path, `${path}.1`);
      await monitors.reopenLog(id);
      await until('a line in the new file', () => existsSync(path) && world.log(request) !== '');
      assert.equal(readlinkSync(`/proc/${created.monitorPid}/exe`), 'path' in old && old.path);
      await monitors.signal(id, 15);
      await until('the exit', () => exits.has(id));
      assert.equal(exits.get(id)?.code, 33);
      assert.match(world.log(request), /end\n$/);
      await until('it has left', () => !isAlive(created.monitorPid));
    });
  });

  test('dies: nothing is kept for it, the exit code is known all the same', async () => {
    await upgraded(async ({ id, created }, { monitors, exits }) => {
      const lost: (number | undefined)[] = [];
      monitors.onMonitorLost((_, pid) => lost.push(pid));
      process.kill(created.monitorPid, 'SIGKILL');
      await until('it is told', () => lost.length > 0);
      assert.deepEqual(lost, [undefined]);
      await assert.rejects(monitors.reopenLog(id), /monitor of the container is gone/);
      await monitors.signal(id, 15);
      await until('the exit', () => exits.has(id));
      assert.equal(exits.get(id)?.code, 33);
    });
  });
});

/** Frames over any stream, without the client of today. */
class Wire {
  readonly frames: Frame[] = [];
  isClosed = false;
  readonly #stream: Duplex;

  constructor(stream: Duplex) {
    this.#stream = stream;
    const reader = new FrameReader();
    stream.on('error', () => {});
    stream.once('close', () => {
      this.isClosed = true;
    });
    stream.on('data', (chunk: Buffer) => this.frames.push(...reader.push(chunk)));
  }

  send(...messages: (object | Buffer)[]): void {
    const bytes = messages.map((message) => (Buffer.isBuffer(message) ? message : encodeControl(message)));
    this.#stream.write(Buffer.concat(bytes));
  }

  async answer(seq: number): Promise<Record<string, unknown>> {
    const found = (): Record<string, unknown> | undefined =>
      this.frames
        .filter(({ type }) => type === frameType.control)
        .map(decodeControl)
        .find((message) => message['seq'] === seq);
    await until(`the answer to ${seq}`, () => found() !== undefined);
    return found() ?? {};
  }

  end(): void {
    this.#stream.destroy();
  }
}

describe('the monitor of today, and a daemon of another version', { skip: missing() }, () => {
  const world = useWorld();

  function dial(id: string): Wire {
    const socket: Socket = connect(join(world.root, 'm', id.slice(0, 12), 's'));
    return new Wire(socket);
  }

  test('the first daemon: hello, state, signal, log, exit', async () => {
    const { id, request } = await world.create(ticking);
    const wire = dial(id);
    wire.send({ proto: [1, 1], op: 'hello', seq: 1 }, { op: 'state', seq: 2 }, { op: 'wait', seq: 3 });
    const hello = await wire.answer(1);
    assert.deepEqual([hello['id'], hello['err']], [id, undefined]);
    const [least, most] = hello['proto'] as number[];
    assert.ok(Number(least) <= 1 && Number(most) >= 1, 'it still speaks the first protocol');
    assert.equal((await wire.answer(2))['phase'], 'running');
    assert.equal((await wire.answer(3))['phase'], 'running');
    world.start(id);
    await until('it runs', () => world.log(request) !== '');
    wire.send({ op: 'reopen', seq: 4 }, { signal: 15, op: 'signal', seq: 5 });
    assert.deepEqual(await wire.answer(4), { seq: 4 });
    assert.deepEqual(await wire.answer(5), { seq: 5 });
    const event = (): Record<string, unknown> | undefined =>
      wire.frames.map(decodeControl).find((message) => message['op'] === 'exit');
    await until('the event', () => event() !== undefined);
    assert.equal(event()?.['code'], 33);
    wire.end();
  });

  test('a later daemon: unknown ops are answered, unknown keys and frames passed over', async () => {
    const { id } = await world.create(['sleep', '1000']);
    const wire = dial(id);
    const later = { since: 'later', deep: { er: [1, { x: null }] }, list: ['a', 1, true] };
    wire.send({ ...later, proto: [1, 9], features: ['x'], op: 'hello', seq: 1 });
    wire.send({ ...later, op: 'levitate', seq: 2 }, { op: 'state', ...later, seq: 3 });
    wire.send(encodeFrame(128, 7, Buffer.from('later')), encodeFrame(200, 0, Buffer.alloc(0)), {
      op: 'state',
      seq: 4,
    });
    assert.equal((await wire.answer(1))['id'], id);
    assert.deepEqual(await wire.answer(2), { seq: 2, err: 'unsupported' });
    assert.equal((await wire.answer(3))['phase'], 'running');
    assert.equal((await wire.answer(4))['phase'], 'running');
    wire.send(encodeFrame(100, 0, Buffer.from('x')));
    await until('a frame that must be understood ends the connection', () => wire.isClosed);
    const again = dial(id);
    again.send({ op: 'state', seq: 1 });
    assert.equal((await again.answer(1))['phase'], 'running');
    again.end();
  });

  test('the spawner and the first daemon: an answer for each command, and nothing else', async () => {
    const child = spawn(monitorPath, ['spawner'], {
      stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'ignore'],
      env: {},
    });
    const wire = new Wire(child.stdio[3] as Duplex);
    try {
      const run = { op: 'run', argv: ['/bin/echo', 'x'], env: [], timeoutMs: patienceMs, hasStdin: false };
      wire.send({ ...run, seq: 1 }, { op: 'levitate', seq: 2 }, { ...run, later: { a: 1 }, seq: 3 });
      assert.deepEqual(await wire.answer(2), { seq: 2, err: 'unsupported' });
      for (const seq of [1, 3])
        assert.deepEqual(await wire.answer(seq), { seq, code: 0, timedOut: false, truncated: false });
      await sleep(50);
      assert.equal(wire.frames.length, 5); // with the output of two
    } finally {
      wire.end();
      child.kill();
    }
  });
});

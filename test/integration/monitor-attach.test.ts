// Attached clients as a streaming server has them: sessions of the daemon with a container's monitor.

import assert from 'node:assert/strict';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import type { DaemonError } from '../../internal/errors/daemon-error.ts';
import { attach, type Watched } from './attach-client.ts';
import { type Extra, missing, type Started, stdoutIn, until, useWorld } from './monitor-fixture.ts';

const never = new AbortController().signal;

describe('attach', { skip: missing() }, () => {
  const world = useWorld();

  const logged = ({ request }: Started): string => stdoutIn(request.logPath ?? '');

  /** A shell that answers each line of its stdin, and says when it ends. */
  const answering = ['sh', '-c', 'while read line; do echo "got $line"; done; echo end'];

  interface Cell {
    readonly terminal: boolean;
    readonly stdin: 'none' | 'keep' | 'once';
    readonly clients: number;
    readonly ending: 'EOF' | 'disconnect';
  }

  /** Everybody writes a line, then everybody ends, which ends the container or not. */
  async function runCell({ terminal, stdin, clients, ending }: Cell): Promise<void> {
    const extra: Extra = { terminal, stdin: stdin !== 'none', stdinOnce: stdin === 'once' };
    const container = await world.create(answering, extra);
    const watched = await Promise.all(Array.from({ length: clients }, () => attach(world, container.id)));
    world.start(container.id);
    for (const [at, { session }] of watched.entries()) session.stdin?.write(`line ${at}\n`);
    const expected = stdin === 'none' ? [] : watched.map((_, at) => `got line ${at}`);
    await until('all lines are answered', () => expected.every((line) => logged(container).includes(line)));
    for (const { session } of watched) ending === 'EOF' ? session.stdin?.end() : session.close();
    if (terminal || stdin === 'keep' || (stdin === 'once' && clients === 0))
      await lateClient(container, stdin);
    const isOver = !terminal && stdin !== 'keep';
    if (!isOver) await world.monitors.signal(container.id, 9);
    assert.equal((await world.exit(container.id)).code, isOver ? 0 : 137);
    const count = logged(container).split('got line').length - 1;
    assert.equal(count, expected.length);
    assert.equal(/^end\r?$/m.test(logged(container)), isOver);
    for (const { session, seen } of watched) {
      if (ending === 'disconnect') await assert.rejects(session.exit, { kind: 'cancelled' });
      else assert.equal((await session.exit).code, isOver ? 0 : 137);
      if (ending === 'EOF') for (const line of expected) assert.ok(seen.includes(line), seen);
    }
  }

  /** A container whose stdin is still open takes another client's line. */
  async function lateClient({ id }: Started, stdin: Cell['stdin']): Promise<void> {
    if (stdin === 'none') return;
    const late = await attach(world, id);
    late.session.stdin?.write('late\n');
    await until('the late line is answered', () => late.seen.includes('got late'));
    late.session.close();
  }

  for (const terminal of [false, true])
    for (const stdin of ['none', 'keep', 'once'] as const)
      for (const clients of [0, 1, 3])
        for (const ending of ['EOF', 'disconnect'] as const)
          test(`${terminal ? 'a terminal' : 'pipes'}, stdin ${stdin}, ${clients} clients, ${ending}`, () =>
            runCell({ terminal, stdin, clients, ending }));

  test('the exit comes after all output, also for one who reads it late', async () => {
    const { id } = await world.create(['sh', '-c', 'seq 30000; seq 3 >&2; exit 9']);
    const request = { containerId: id, stdin: false, stdout: true, stderr: true, mode: 'lossless' } as const;
    const session = await world.monitors.attach(request, never);
    world.start(id);
    assert.deepEqual(await session.exit, { ...(await world.exit(id)) });
    assert.equal(session.stdin, undefined);
    assert.equal(
      await text(session.stdout as Readable),
      Array.from({ length: 30_000 }, (_, at) => `${at + 1}\n`).join(''),
    );
    assert.equal(await text(session.stderr as Readable), '1\n2\n3\n');
  });

  test('a stream that the container closes ends before the container does', async () => {
    const { id } = await world.create(['sh', '-c', 'echo last; exec >&-; read line; echo "$line" >&2'], {
      stdin: true,
    });
    const { session } = await attach(world, id);
    const stderr = text(session.stderr?.pause() as Readable);
    world.start(id);
    await new Promise((resolve) => session.stdout?.once('end', resolve));
    const late = await attach(world, id); // learns it at once
    await new Promise((resolve) => late.session.stdout?.once('end', resolve));
    assert.equal(world.exits.has(id), false);
    session.stdin?.write('word\n');
    assert.equal(await stderr, 'word\n');
    assert.equal((await session.exit).code, 0);
  });

  test('a client learns that the container has closed its stdin', async () => {
    const { id } = await world.create(['sh', '-c', 'exec <&-; sleep 1000'], { stdin: true });
    world.start(id);
    for (const _ of ['one that was there perhaps', 'one that comes later']) {
      const { session } = await attach(world, id);
      const stdin = session.stdin as Writable;
      if (stdin.errored === null) await new Promise((resolve) => stdin.once('error', resolve));
      assert.equal((stdin.errored as NodeJS.ErrnoException).code, 'EPIPE');
      session.close();
    }
    await world.monitors.signal(id, 9);
    await world.exit(id);
  });

  test('the 29th client is refused with the reason, the others and the daemon stay', async () => {
    const { id } = await world.create(['cat'], { stdin: true });
    world.start(id);
    const clients = await Promise.all(Array.from({ length: 28 }, () => attach(world, id)));
    await assert.rejects(attach(world, id), (error: DaemonError) => {
      assert.equal(error.kind, 'failed-precondition');
      assert.match(error.message, /too many clients are attached/);
      return true;
    });
    clients[27]?.session.stdin?.write('word\n');
    await until('all have it', () => clients.every(({ seen }) => seen === 'word\n'));
    await world.monitors.reopenLog(id);
    clients[0]?.session.close();
    const again = await untilAttached(id);
    again.session.stdin?.write('more\n');
    await until('the new one has it', () => again.seen === 'more\n');
    await world.monitors.signal(id, 9);
    assert.equal((await again.session.exit).code, 137);
  });

  /** The monitor learns a moment later that a client has left. */
  async function untilAttached(id: string): Promise<Watched> {
    let watched: Watched | undefined;
    await until('there is a place', async () => {
      watched = await attach(world, id).catch(() => undefined);
      return watched !== undefined;
    });
    return watched as Watched;
  }

  test('what cannot be attached to says so', async () => {
    const request = { stdin: false, stdout: true, stderr: true, mode: 'lossless' } as const;
    await assert.rejects(world.monitors.attach({ containerId: '0'.repeat(64), ...request }, never), {
      kind: 'not-found',
    });
    const { id } = await world.run(['true']);
    await assert.rejects(world.monitors.attach({ containerId: id, ...request }, never), {
      kind: 'failed-precondition',
      message: /has exited: nothing to attach to/,
    });
  });

  test('an abort detaches', async () => {
    const { id } = await world.create(['cat'], { stdin: true });
    world.start(id);
    const abort = new AbortController();
    const request = { containerId: id, stdin: true, stdout: true, stderr: false, mode: 'lossless' } as const;
    const session = await world.monitors.attach(request, abort.signal);
    abort.abort();
    await assert.rejects(session.exit, { kind: 'cancelled' });
    await assert.rejects(world.monitors.attach(request, abort.signal), { name: 'AbortError' });
    await assert.rejects(session.resize({ columns: 1, rows: 1 }), { kind: 'unavailable' });
    await world.monitors.signal(id, 9);
    await world.exit(id);
  });
});

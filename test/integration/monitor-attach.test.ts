// Attached clients as a streaming server has them: sessions of the daemon with a container's monitor.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import type { DaemonError } from '../../internal/errors/daemon-error.ts';
import type { AttachRequest, StreamSession } from '../../internal/monitor/stream-session.ts';
import {
  type Extra,
  joinLog,
  makeWorld,
  missing,
  runcPath,
  type Started,
  until,
  type World,
} from './monitor-fixture.ts';

const never = new AbortController().signal;

/** What a session has shown so far. */
interface Watched {
  readonly session: StreamSession;
  seen: string;
}

describe('attach', { skip: missing() }, () => {
  let world: World;
  before(() => {
    world = makeWorld();
  });
  after(() => world.close());

  async function attach(containerId: string, extra: Partial<AttachRequest> = {}): Promise<Watched> {
    const request = {
      containerId,
      stdin: true,
      stdout: true,
      stderr: true,
      mode: 'lossless',
      ...extra,
    } as const;
    const watched: Watched = { session: await world.monitors.attach(request, never), seen: '' };
    watched.session.stdout?.on('data', (chunk: Buffer) => {
      watched.seen += chunk.toString();
    });
    watched.session.stderr?.resume();
    return watched;
  }

  const logged = ({ request }: Started): string => joinLog(world.log(request), 'stdout').toString();

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
    const watched = await Promise.all(Array.from({ length: clients }, () => attach(container.id)));
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
    const late = await attach(id);
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
    const { session } = await attach(id);
    const stderr = text(session.stderr?.pause() as Readable);
    world.start(id);
    await new Promise((resolve) => session.stdout?.once('end', resolve));
    const late = await attach(id); // learns it at once
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
      const { session } = await attach(id);
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
    const clients = await Promise.all(Array.from({ length: 28 }, () => attach(id)));
    await assert.rejects(attach(id), (error: DaemonError) => {
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
      watched = await attach(id).catch(() => undefined);
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

  test('a signal and a resize go the way of the session', async () => {
    const script = 'trap "stty size" WINCH; trap "exit 4" USR1; echo ready; while :; do sleep 0.02; done';
    const { id } = await world.create(['sh', '-c', script], { terminal: true, stdin: true });
    const client = await attach(id);
    world.start(id);
    await until('ready', () => client.seen.includes('ready'));
    for (const size of [
      { columns: 65_535, rows: 65_535 },
      { columns: 1, rows: 1 },
      { columns: 401, rows: 302 },
    ])
      await client.session.resize(size);
    await until('the last size', () => client.seen.includes('302 401'));
    for (const size of [
      { columns: 0, rows: 1 },
      { columns: 1, rows: 65_536 },
      { columns: -1, rows: 1 },
      { columns: 1.5, rows: 1 },
    ])
      await assert.rejects(client.session.resize(size), { message: /Invalid argument/ });
    await client.session.signal(10);
    assert.equal((await client.session.exit).code, 4);
  });

  test('the first size of a terminal is there before its program', async () => {
    const { request, exit } = await world.run(['stty', 'size'], {
      terminal: true,
      terminalSize: { columns: 131, rows: 37 },
    });
    assert.equal(exit.code, 0);
    assert.equal(joinLog(world.log(request), 'stdout').toString(), '37 131\r\n');
    await assert.rejects(
      world.create(['true'], { terminal: true, terminalSize: { columns: 70_000, rows: 1 } }),
      {
        message: /1 to 65535 columns and rows/,
      },
    );
  });

  test('a resize before there is a terminal is kept for it', async () => {
    const slow = join(world.root, 'slow-runtime');
    const go = join(world.root, 'go');
    const waits = `[ "$3" = create ] && while [ ! -e ${go} ]; do sleep 0.02; done`;
    writeFileSync(slow, `#!/bin/sh\n${waits}\nexec ${runcPath} "$@"\n`, { mode: 0o755 });
    const request = world.request(['stty', 'size'], { terminal: true, runtimePath: slow });
    const creation = world.monitors.create(request);
    await until('the size is taken', async () => {
      return world.monitors.resize(request.containerId, 99, 55).then(
        () => true,
        () => false,
      );
    });
    writeFileSync(go, '');
    await creation;
    world.start(request.containerId);
    assert.equal((await world.exit(request.containerId)).code, 0);
    assert.equal(joinLog(world.log(request), 'stdout').toString(), '55 99\r\n');
  });
});

describe('terminals where paths are long', { skip: missing() }, () => {
  test('the socket of a command has the longest path there is, the one of its terminal a longer one', async () => {
    const before = process.env['TMPDIR'];
    const folder = mkdtempSync('/tmp/cria-');
    // root/m/<12 digits>/e<12 digits>, and 107 bytes are the limit.
    const deep = join(
      folder,
      'x'.repeat(
        107 - `/cria-monitor-123456/m/${'0'.repeat(12)}/e${'0'.repeat(12)}`.length - folder.length - 1,
      ),
    );
    mkdirSync(deep);
    process.env['TMPDIR'] = deep;
    const world = makeWorld();
    try {
      const { id, request } = await world.create(['sleep', '1000'], { terminal: true });
      world.start(id);
      const { runtimePath, runtimeArgs, env } = request;
      const command = {
        user: { uid: 0, gid: 0 },
        args: ['tty'],
        env: ['PATH=/bin'],
        cwd: '/',
        terminal: true,
      };
      const fields = {
        cgroup: undefined,
        stdin: false,
        terminal: true,
        terminalSize: undefined,
        timeoutMs: 0,
      };
      const session = await world.monitors.exec(
        { containerId: id, runtimePath, runtimeArgs, env, process: command, ...fields },
        never,
      );
      assert.equal(await text(session.stdout as Readable), '/dev/pts/1\r\n');
      assert.equal((await session.exit).code, 0);
    } finally {
      process.env['TMPDIR'] = before;
      if (before === undefined) delete process.env['TMPDIR'];
      await world.close();
      rmSync(folder, { recursive: true });
    }
  });
});

// The terminals of containers: their sizes and signals, and where their sockets are.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { attach } from './attach-client.ts';
import { makeWorld, missing, runcPath, stdoutIn, until, useWorld } from './monitor-fixture.ts';

const never = new AbortController().signal;

describe('attach to a terminal', { skip: missing() }, () => {
  const world = useWorld();

  test('a signal and a resize go the way of the session', async () => {
    const script = 'trap "stty size" WINCH; trap "exit 4" USR1; echo ready; while :; do sleep 0.02; done';
    const { id } = await world.create(['sh', '-c', script], { terminal: true, stdin: true });
    const client = await attach(world, id);
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
    assert.equal(stdoutIn(request.logPath ?? ''), '37 131\r\n');
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
    assert.equal(stdoutIn(request.logPath ?? ''), '55 99\r\n');
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

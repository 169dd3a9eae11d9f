// Interactive commands in a running container: sessions of the daemon with the monitor's `exec` role.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import type { DaemonError } from '../../internal/errors/daemon-error.ts';
import type { ExecRequest, StreamSession } from '../../internal/monitor/stream-session.ts';
import { findProgram } from '../harness/command.ts';
import { monitorPath } from '../harness/monitor-build.ts';
import { makeWorld, missing, type Started, until, type World } from './monitor-fixture.ts';

const never = new AbortController().signal;

type Extra = Partial<ExecRequest> & { readonly env?: Record<string, string> };

for (const runtime of ['runc', 'crun']) {
  const runtimePath = findProgram(runtime);
  const skip = missing() || (runtimePath === undefined ? `needs ${runtime}` : false);

  describe(`exec with streams, ${runtime}`, { skip }, () => {
    let world: World;
    let container: Started;
    before(async () => {
      world = makeWorld(monitorPath, runtimePath);
      container = await world.create(['sleep', '100000']);
      world.start(container.id);
    });
    after(() => world.close());

    function exec(script: string, extra: Extra = {}, signal = never): Promise<StreamSession> {
      const { env, runtimeArgs } = container.request;
      const { terminal = false } = extra;
      const process = {
        ...{ terminal, user: { uid: 0, gid: 0 }, args: ['sh', '-c', script], env: ['PATH=/bin'], cwd: '/' },
      };
      const streams = { cgroup: undefined, stdin: false, terminal, terminalSize: undefined, timeoutMs: 0 };
      const request = {
        containerId: container.id,
        runtimePath: runtimePath ?? '',
        runtimeArgs,
        env,
        process,
      };
      return world.monitors.exec({ ...request, ...streams, ...extra }, signal);
    }

    const textOf = (stream: Readable | undefined): Promise<string> => text(stream as Readable);

    /** Command lines of the container's processes but its init. */
    function processes(): string[] {
      const inside = readFileSync(`/proc/${container.created.pid}/cgroup`, 'utf8');
      return readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name) && Number(name) !== container.created.pid)
        .flatMap((pid) => {
          try {
            if (readFileSync(`/proc/${pid}/cgroup`, 'utf8') !== inside) return [];
            return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()];
          } catch {
            return [];
          }
        })
        .filter((line) => line !== '');
    }

    test('both outputs apart, the exit last', async () => {
      const session = await exec('echo out; echo err >&2; exit 3');
      assert.deepEqual(await Promise.all([textOf(session.stdout), textOf(session.stderr)]), [
        'out\n',
        'err\n',
      ]);
      assert.deepEqual(await session.exit, { code: 3, signal: undefined });
      assert.equal(session.stdin, undefined);
    });

    test('every exit code', async () => {
      const codes = Array.from({ length: 256 }, (_, code) => code);
      const seen: number[] = [];
      const next = codes.values();
      const worker = async () => {
        for (const code of next) seen[code] = (await (await exec(`exit ${code}`)).exit).code;
      };
      await Promise.all(Array.from({ length: 8 }, worker));
      assert.deepEqual(seen, codes);
    });

    test('signals that end a command', async () => {
      for (const number of [1, 2, 6, 9, 11, 13, 15, 31]) {
        const session = await exec(`kill -${number} $$; sleep 10`);
        assert.deepEqual(await session.exit, { code: 128 + number, signal: number });
      }
    });

    test('a signal to the command, and its answer', async () => {
      const session = await exec('trap "echo heard; exit 5" USR1; echo ready; while :; do sleep 0.02; done');
      const seen: string[] = [];
      session.stdout?.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
      await until('ready', () => seen.join('').includes('ready'));
      await assert.rejects(session.signal(0), { message: /Invalid argument/ });
      await assert.rejects(session.resize({ columns: 80, rows: 24 }), { message: /Not a tty|ioctl/i });
      await session.signal(10);
      assert.deepEqual(await session.exit, { code: 5, signal: undefined });
      assert.equal(seen.join(''), 'ready\nheard\n');
    });

    test('the end of stdin is the end of the command that reads it', async () => {
      const session = await exec('cat; echo over', { stdin: true });
      session.stdin?.write('one\n');
      session.stdin?.end('two\n');
      assert.equal(await textOf(session.stdout), 'one\ntwo\nover\n');
      assert.equal((await session.exit).code, 0);
    });

    test('64 MB through stdin and back are the same bytes', async () => {
      const session = await exec('cat', { stdin: true });
      const sent = createHash('sha256');
      const received = createHash('sha256');
      const writing = (async () => {
        for (let at = 0; at < 64; at++) {
          const block = randomBytes(1 << 20);
          sent.update(block);
          if (session.stdin?.write(block) === false)
            await new Promise((resolve) => session.stdin?.once('drain', resolve));
        }
        session.stdin?.end();
      })();
      for await (const chunk of session.stdout as Readable) received.update(chunk);
      await writing;
      assert.equal((await session.exit).code, 0);
      assert.equal(received.digest('hex'), sent.digest('hex'));
    });

    test('a consumer who does not read stops the command, and neither daemon nor monitor grows', async () => {
      const session = await exec('head -c 20000000 /dev/zero; echo all >&2');
      const stderr = textOf(session.stderr);
      const { stdout } = session as { stdout: Readable };
      stdout.read(0); // begins to buffer
      let length = -1;
      await until('nothing comes any more', async () => {
        const before = length;
        await new Promise((resolve) => setTimeout(resolve, 100));
        length = stdout.readableLength;
        return length > 0 && length === before;
      });
      assert.ok(length <= 256 * 1024, String(length));
      assert.ok(
        processes().some((line) => line.includes('head -c 20000000')),
        processes().join(),
      );
      assert.equal((await buffer(stdout)).length, 20_000_000);
      assert.equal(await stderr, 'all\n');
      assert.equal((await session.exit).code, 0);
    });

    test('a command that closes its streams is told of before it ends', async () => {
      const session = await exec('exec >&- <&-; sleep 7771', { stdin: true });
      const stdin = session.stdin as Writable;
      assert.equal(await textOf(session.stdout), '');
      if (stdin.errored === null) await new Promise((resolve) => stdin.once('error', resolve));
      assert.equal((stdin.errored as NodeJS.ErrnoException).code, 'EPIPE');
      await until('it still runs', () => processes().includes('sleep 7771')); // perhaps it was a shell a moment ago
      session.close();
    });

    test('a terminal: its size from before the start, resize, Ctrl-C', async () => {
      const script =
        'trap "stty size" WINCH; stty size; trap "echo broken; exit 7" INT; echo ready; while :; do sleep 0.02; done';
      const session = await exec(script, {
        terminal: true,
        stdin: true,
        terminalSize: { columns: 111, rows: 22 },
      });
      let seen = '';
      session.stdout?.on('data', (chunk: Buffer) => {
        seen += chunk.toString();
      });
      await until('ready', () => seen.includes('ready'));
      if (runtime === 'runc') assert.match(seen, /^22 111\r\n/);
      else await until('the first size', () => seen.includes('22 111')); // crun 1.8 gives the terminal away too late
      await session.resize({ columns: 44, rows: 133 });
      await until('the new size', () => seen.includes('133 44'));
      session.stdin?.write('\x03');
      assert.deepEqual(await session.exit, { code: 7, signal: undefined });
      assert.match(seen, /broken\r\n$/);
      assert.equal(session.stderr, undefined);
    });

    test('a terminal without a size, without stdin, with much output', async () => {
      const session = await exec('seq 50000', { terminal: true });
      const expected = Array.from({ length: 50_000 }, (_, at) => `${at + 1}\r\n`).join('');
      assert.equal(await textOf(session.stdout), expected);
      assert.equal((await session.exit).code, 0);
    });

    test('the end of its client is not the end of a terminal', async () => {
      const session = await exec('echo ready; sleep 0.3; echo still here', { terminal: true, stdin: true });
      session.stdin?.end();
      assert.equal(await textOf(session.stdout), 'ready\r\nstill here\r\n');
    });

    for (const terminal of [false, true]) {
      const kind = terminal ? 'terminal' : 'pipe';

      test(`a background child that holds the ${kind} delays no exit`, async () => {
        const session = await exec('sleep 365d & echo done; exit 4', { terminal });
        assert.equal((await textOf(session.stdout)).trim(), 'done');
        assert.equal((await session.exit).code, 4);
      });

      test(`nothing is left when the client of a ${kind} has gone`, async () => {
        const session = await exec('setsid sh -c "sleep 4441 & sleep 4442" & (sleep 4443 &); sleep 4444', {
          terminal,
        });
        await until('all run', () => processes().filter((line) => /^sleep 444/.test(line)).length === 4);
        session.close();
        await assert.rejects(session.exit, { kind: 'cancelled' });
        await until('all are dead', () => processes().every((line) => !/444\d/.test(line)));
      });

      test(`nothing is left of a ${kind} at the timeout`, async () => {
        const session = await exec('setsid sleep 5551 & sleep 5552', { terminal, timeoutMs: 500 });
        session.stdout?.resume();
        await assert.rejects(session.exit, { kind: 'deadline-exceeded', message: /longer than 500 ms/ });
        assert.deepEqual(
          processes().filter((line) => /555\d/.test(line)),
          [],
        );
      });
    }

    test('an abort is as good as a client that has gone', async () => {
      const abort = new AbortController();
      const session = await exec('sleep 6661', {}, abort.signal);
      await until('it runs', () => processes().includes('sleep 6661'));
      abort.abort();
      await assert.rejects(session.exit, { kind: 'cancelled' });
      await until('it is dead', () => !processes().includes('sleep 6661'));
    });

    test('what the runtime says of a command that it cannot start', async () => {
      const process = { user: { uid: 0, gid: 0 }, args: ['/no/such'], env: [], cwd: '/' };
      for (const terminal of [false, true]) {
        const session = await exec('', { process: { ...process, terminal }, terminal });
        await assert.rejects(session.exit, (error: DaemonError) => {
          assert.equal(error.kind, 'unknown');
          assert.match(error.message, /could not be started in container .*no such file/i);
          return true;
        });
      }
      await assert.rejects(exec('true', { terminal: true, terminalSize: { columns: 0, rows: 70_000 } }), {
        message: /1 to 65535 columns and rows/,
      });
    });

    test('a runtime that sets up no terminal', async () => {
      const fake = join(world.root, 'no-terminal');
      writeFileSync(
        fake,
        '#!/bin/sh\nwhile [ $# -gt 1 ]; do [ "$1" = --pid-file ] && echo -n $$ > "$2"; shift; done\n',
        {
          mode: 0o755,
        },
      );
      const session = await exec('true', { terminal: true, runtimePath: fake });
      await assert.rejects(session.exit, { message: /did not set up the terminal: it did not connect/ });
    });

    test('an exec writes no exit record, and leaves no file', async () => {
      assert.equal((await (await exec('exit 9')).exit).code, 9);
      for (const folder of ['exits', 'codes'])
        assert.equal(existsSync(join(world.root, folder, container.id)), false);
      await until('only the monitor of the container has files', () => {
        const names = readdirSync(join(world.root, 'm', container.id.slice(0, 12))).sort();
        return names.join() === 'id,s';
      });
    });
  });
}

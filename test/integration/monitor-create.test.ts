// Creations that go wrong: an OCI runtime that hangs, lies or says nothing must leave no trace.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { DaemonError, ErrorKind } from '../../internal/errors/daemon-error.ts';
import type { MonitorRequest } from '../../internal/monitor/monitor.ts';
import { makeWorld, missing, until, type World } from './monitor-fixture.ts';

/** `$pidfile` is what follows --pid-file; deletions succeed and are noted. */
const stubHead = `#!/bin/sh
case "$*" in *delete*) echo deleted >> "$0.log"; exit 0;; esac
while [ $# -gt 0 ]; do [ "$1" = --pid-file ] && pidfile=$2; shift; done
`;

interface Case {
  readonly name: string;
  readonly script: string;
  readonly message: RegExp;
  readonly kind?: ErrorKind;
  readonly extra?: Partial<MonitorRequest>;
}

const cases: readonly Case[] = [
  { name: 'says nothing', script: 'exit 1', message: /exited with code 1 and said nothing/ },
  { name: 'dies of a signal', script: 'kill -9 $$', message: /killed by signal 9/ },
  { name: 'writes garbage as pid', script: 'echo abc > "$pidfile"', message: /no valid pid file/ },
  { name: 'writes pid 1', script: 'echo 1 > "$pidfile"', message: /no valid pid file/ },
  {
    name: 'names a process that does not exist',
    script: 'echo 4194303 > "$pidfile"',
    message: /does not exist/,
  },
  { name: 'writes no pid file', script: 'exit 0', message: /no valid pid file/ },
  {
    name: 'leaves a grandchild with its stderr',
    script: 'sleep 6661 & echo why >&2; exit 1',
    message: /why$/,
  },
  {
    name: 'writes 1 MiB of stderr',
    script: 'head -c 1048576 /dev/zero | tr "\\0" x >&2; exit 1',
    message: /x{8000}/,
  },
  {
    name: 'writes what is no UTF-8',
    script: 'printf "bad \\377 byte" >&2; exit 1',
    message: /bad \ufffd byte/,
  },
  {
    name: 'writes 9000 bytes that are no UTF-8',
    script: 'head -c 9000 /dev/zero | tr "\\0" "\\377" >&2; exit 1',
    message: /\ufffd{8000}/,
  },
  {
    name: 'logs with a time',
    script: `echo 'time="2026-01-02T03:04:05Z" level=error msg="it is \\"bad\\""' >&2; exit 1`,
    message: /could not be created: it is "bad"$/,
  },
  {
    name: 'sends no terminal',
    script: 'sleep 6662 & echo $! > "$pidfile"',
    message: /did not set up the terminal/,
    extra: { terminal: true },
  },
  {
    name: 'hangs',
    script: 'sleep 6663',
    message: /not created within 400 ms/,
    kind: 'deadline-exceeded',
    extra: { createTimeoutMs: 400 },
  },
  {
    name: 'hangs in a session of its own',
    script: 'setsid sleep 6664 & wait',
    message: /not created within 400 ms/,
    kind: 'deadline-exceeded',
    extra: { createTimeoutMs: 400 },
  },
];

function commandLines(): string[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      return /^\d+$/.test(name) ? [readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')] : [];
    } catch {
      return [];
    }
  });
}

describe('create with a hostile runtime', { skip: missing() }, () => {
  let world: World;
  before(() => {
    world = makeWorld();
  });
  after(() => world.close());

  async function assertNothingLeft(request: MonitorRequest): Promise<void> {
    const { containerId } = request;
    assert.deepEqual(await world.monitors.list(), []);
    for (const folder of ['exits', 'codes']) assert.deepEqual(readdirSync(join(world.root, folder)), []);
    assert.ok(!existsSync(join(request.bundle, 'monitor.json')));
    await until('no process is left', () => {
      const lines = commandLines();
      return !lines.some((line) => line.includes(containerId) || /^sleep 666\d/.test(line));
    });
  }

  for (const { name, script, message, kind = 'unknown', extra } of cases) {
    test(`one that ${name}`, async () => {
      const runtimePath = join(world.root, 'stub');
      writeFileSync(runtimePath, stubHead + script, { mode: 0o755 });
      writeFileSync(`${runtimePath}.log`, '');
      const request = world.request(['true'], { runtimePath, ...extra });
      const startedAt = Date.now();
      await assert.rejects(world.monitors.create(request), (error: DaemonError) => {
        assert.match(error.message, message);
        assert.equal(error.kind, kind);
        return true;
      });
      assert.ok(Date.now() - startedAt < 5_000);
      assert.equal(readFileSync(`${runtimePath}.log`, 'utf8'), 'deleted\n');
      await assertNothingLeft(request);
    });
  }

  test('a runtime that does not exist', async () => {
    const request = world.request(['true'], { runtimePath: '/no/such/runtime' });
    await assert.rejects(world.monitors.create(request), /exec \/no\/such\/runtime: No such file/);
    await assertNothingLeft(request);
  });

  test('a log path that is a fifo', async () => {
    const logPath = join(world.root, 'logs', 'fifo');
    execFileSync('mkfifo', [logPath]);
    const request = world.request(['true'], { logPath });
    await assert.rejects(world.monitors.create(request), /open the log file: No such device/);
    await assertNothingLeft(request);
  });

  test('a log that cannot be opened', async () => {
    const request = world.request(['true'], { logPath: '/no/such/folder/log' });
    await assert.rejects(world.monitors.create(request), /open the log file: No such file/);
    await assertNothingLeft(request);
  });

  test('a cgroup that does not exist', async () => {
    const request = world.request(['true'], { cgroupDirs: ['/sys/fs/cgroup/no/such'] });
    await assert.rejects(world.monitors.create(request), /join the cgroup: No such file/);
    await assertNothingLeft(request);
  });

  test('a second creation of the same container is refused and harms nothing', async () => {
    const { id, request } = await world.create(['sleep', '100000']);
    await assert.rejects(world.monitors.create(request), { kind: 'already-exists' });
    const other = world.another();
    await assert.rejects(other.monitors.create(request), { kind: 'already-exists' });
    await other.spawner.close();
    world.start(id);
    await world.monitors.signal(id, 9);
    assert.equal((await world.exit(id)).code, 137);
    await world.monitors.remove(id);
  });

  test('a monitor that is killed during the creation', async () => {
    const runtimePath = join(world.root, 'stub');
    writeFileSync(runtimePath, `${stubHead}sleep 6665`, { mode: 0o755 });
    writeFileSync(`${runtimePath}.log`, '');
    const request = world.request(['true'], { runtimePath });
    const rejected = assert.rejects(world.monitors.create(request), { kind: 'unavailable' });
    let monitor = 0;
    await until('the runtime runs', () => {
      const config = join(request.bundle, 'monitor.json');
      const found = readdirSync('/proc').find((name) => {
        try {
          return readFileSync(`/proc/${name}/cmdline`, 'utf8').endsWith(`\0run\0${config}\0`);
        } catch {
          return false;
        }
      });
      monitor = Number(found ?? 0);
      return monitor > 0 && commandLines().some((line) => line.startsWith('sleep 6665'));
    });
    process.kill(monitor, 'SIGKILL');
    try {
      await rejected;
      assert.equal(readFileSync(`${runtimePath}.log`, 'utf8'), 'deleted\n');
      assert.deepEqual(await world.monitors.list(), []);
      for (const line of commandLines()) assert.ok(!line.includes(request.containerId), line);
    } finally {
      killByCommand('sleep 6665'); // the stub's child: only a real runtime's children end with it
    }
  });

  function killByCommand(command: string): void {
    for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      try {
        const line = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        if (line === command) process.kill(Number(name), 'SIGKILL');
      } catch {
        // it ended meanwhile
      }
    }
  }
});

// Commands in a running container, under the monitor's `exec` role.

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { DaemonError } from '../../internal/errors/daemon-error.ts';
import type { ExecSyncRequest } from '../../internal/monitor/monitor.ts';
import { cgroupDirectory, isUnified } from '../harness/cgroup-parent.ts';
import { monitorPath } from '../harness/monitor-build.ts';
import { commandOf } from '../harness/proc.ts';
import { patienceMs } from '../harness/until.ts';
import { makeWorld, missing, type Started, until, type World } from './monitor-fixture.ts';

const never = new AbortController().signal;

describe('execSync', { skip: missing() }, () => {
  let world: World;
  let container: Started;
  before(async () => {
    world = makeWorld();
    container = await world.create(['sleep', '100000']);
    world.start(container.id);
  });
  after(() => world.close());

  function request(argv: readonly string[], extra: Partial<ExecSyncRequest> = {}): ExecSyncRequest {
    const { runtimePath, runtimeArgs, env } = container.request;
    const process = { terminal: false, user: { uid: 0, gid: 0 }, args: argv, env: ['PATH=/bin'], cwd: '/' };
    const limits = { cgroup: undefined, timeoutMs: patienceMs, maxOutputBytes: 1 << 20 };
    return { containerId: container.id, runtimePath, runtimeArgs, env, process, ...limits, ...extra };
  }

  const exec = (argv: readonly string[], extra?: Partial<ExecSyncRequest>) =>
    world.monitors.execSync(request(argv, extra), never);

  /** The container's processes: their command lines, with their pids. */
  function commands(): [line: string, pid: number][] {
    const inside = readFileSync(`/proc/${container.created.pid}/cgroup`, 'utf8');
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid): [string, number][] => {
        try {
          if (readFileSync(`/proc/${pid}/cgroup`, 'utf8') !== inside) return [];
          return [[readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim(), Number(pid)]];
        } catch {
          return [];
        }
      })
      .filter(([line]) => line !== '');
  }

  /** v1: a cpuset without CPUs; v2: a threaded cgroup. */
  function refusingCgroup(): string {
    const directory = cgroupDirectory('cpuset', `cria-refusing-${process.pid}`);
    mkdirSync(directory);
    if (isUnified) writeFileSync(join(directory, 'cgroup.type'), 'threaded');
    return directory;
  }

  const processes = (): string[] => commands().map(([line]) => line);

  test('output and code', async () => {
    const result = await exec(['sh', '-c', 'echo out; echo err >&2; exit 3']);
    assert.equal(Buffer.from(result.stdout).toString(), 'out\n');
    assert.equal(Buffer.from(result.stderr).toString(), 'err\n');
    assert.equal(result.exitCode, 3);
  });

  /** Fields of /proc/PID/stat behind the name: parent, group, session. */
  function relations(pid: number): [parent: number, group: number, session: number] {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [, parent, group, session] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    return [parent ?? 0, group ?? 0, session ?? 0];
  }

  test('the monitor of a command has its own process group in the session of the spawner', async () => {
    const abort = new AbortController();
    const running = world.monitors.execSync(request(['sleep', '8765']), abort.signal);
    running.catch(() => {}); // awaited below
    try {
      await until('the command runs', () => processes().includes('sleep 8765'));
      const [, pid] = commands().find(([line]) => line === 'sleep 8765')!;
      // A runtime that has just started the command is its parent until it leaves.
      await until('the runtime has left', () =>
        commandOf(relations(pid)[0]).startsWith(`${monitorPath} exec `),
      );
      const [monitor] = relations(pid);
      const [spawner, group, session] = relations(monitor);
      assert.equal(group, monitor);
      assert.equal(session, relations(spawner)[2]);
    } finally {
      abort.abort();
    }
    await assert.rejects(running);
  });

  test('a command killed by a signal', async () => {
    assert.equal((await exec(['sh', '-c', 'kill -9 $$'])).exitCode, 137);
  });

  test('1 is the code of the command, not of the runtime', async () => {
    assert.equal((await exec(['false'])).exitCode, 1);
  });

  test('a command that does not exist rejects with the words of the runtime', async () => {
    await assert.rejects(exec(['/no/such']), (error: DaemonError) => {
      assert.equal(error.kind, 'unknown');
      assert.match(error.message, /no such file/);
      return true;
    });
  });

  test('whatever a failing runtime says, it is a failure with these words', async () => {
    const runtimePath = join(world.root, 'stub');
    const says: [string, RegExp][] = [
      ['head -c 9000 /dev/zero | tr "\\0" "\\377"', /\ufffd{8000}/],
      ['printf "\\0why"', /: ?why$/],
      [':', /said nothing/],
    ];
    for (const [script, message] of says) {
      writeFileSync(runtimePath, `#!/bin/sh\n{ ${script}; } >&2; exit 1\n`, { mode: 0o755 });
      await assert.rejects(exec(['true'], { runtimePath }), (error: DaemonError) => {
        assert.equal(error.kind, 'unknown');
        assert.match(error.message, message);
        return true;
      });
    }
  });

  test('a cgroup that takes no monitor is told of, and the command runs', async () => {
    const refusing = refusingCgroup();
    try {
      const { exitCode, cgroupRefused } = await exec(['sh', '-c', 'exit 7'], {
        cgroupDirs: [refusing, join(world.root, 'none')],
      });
      assert.equal(exitCode, 7);
      assert.ok(cgroupRefused?.endsWith(`: ${refusing}`), cgroupRefused);
    } finally {
      rmdirSync(refusing);
    }
    assert.equal((await exec(['true'], { cgroupDirs: [] })).cgroupRefused, undefined);
  });

  test('a runtime that is killed in the cgroup of the container: the failure says where it was', async () => {
    const runtimePath = join(world.root, 'killed');
    writeFileSync(runtimePath, '#!/bin/sh\nkill -9 $$\n', { mode: 0o755 });
    const own = cgroupDirectory('memory', `cria-exec-${process.pid}`);
    mkdirSync(own);
    try {
      const failed = exec(['true'], { runtimePath, cgroupDirs: [own] });
      await assert.rejects(failed, /killed by signal 9 and said nothing; it was in the container's cgroup/);
      await until('the cgroup is empty', () => readFileSync(join(own, 'cgroup.procs'), 'utf8') === '');
    } finally {
      rmdirSync(own);
    }
  });

  test('a user that is not root can open its /dev/stdout', async () => {
    const process = {
      terminal: false,
      user: { uid: 1000, gid: 1000 },
      args: ['sh', '-c', 'echo out > /proc/self/fd/1; echo err > /proc/self/fd/2'],
      env: ['PATH=/bin'],
      cwd: '/',
    };
    const { stdout, stderr, exitCode } = await exec([], { process });
    assert.deepEqual([String(stdout), String(stderr), exitCode], ['out\n', 'err\n', 0]);
  });

  test('output is whole below the limit and cut at it', async () => {
    const big = await exec(['sh', '-c', 'head -c 1000000 /dev/zero | tr "\\0" x']);
    assert.equal(big.stdout.length, 1_000_000);
    const cut = await exec(['sh', '-c', 'head -c 5000000 /dev/zero; echo end >&2'], {
      cgroup: undefined,
      maxOutputBytes: 70_000,
    });
    assert.equal(cut.stdout.length, 70_000);
    assert.equal(Buffer.from(cut.stderr).toString(), 'end\n');
    assert.equal(cut.exitCode, 0);
  });

  test('a background child that holds the pipe delays nothing', async () => {
    const result = await exec(['sh', '-c', 'sleep 5551 & echo done']);
    assert.equal(Buffer.from(result.stdout).toString(), 'done\n');
    await until('the child lives', () => processes().includes('sleep 5551')); // forked, perhaps no sleep yet
  });

  test('at the timeout the whole tree is dead', async () => {
    const script = 'setsid sh -c "sleep 4321 & sleep 4322" & (sleep 4323 &) ; sleep 4324';
    await assert.rejects(exec(['sh', '-c', script], { timeoutMs: 700 }), (error: DaemonError) => {
      assert.equal(error.kind, 'deadline-exceeded');
      return true;
    });
    assert.deepEqual(
      processes().filter((line) => /432\d/.test(line)),
      [],
    );
  });

  test('an abort kills the command', async () => {
    const abort = new AbortController();
    const running = world.monitors.execSync(request(['sleep', '7777']), abort.signal);
    await until('the command runs', () => processes().includes('sleep 7777'));
    abort.abort();
    await assert.rejects(running, { name: 'AbortError' });
    await until('the command is dead', () => !processes().includes('sleep 7777'));
  });

  test('many at once', async () => {
    const codes = await Promise.all(
      Array.from({ length: 20 }, (_, code) => exec(['sh', '-c', `echo ${code}; exit ${code}`])),
    );
    assert.deepEqual(
      codes.map(({ exitCode, stdout }) => [exitCode, Buffer.from(stdout).toString()]),
      codes.map((_, code) => [code, `${code}\n`]),
    );
  });

  test('leaves no file behind', async () => {
    await until('only the monitor of the container has files', () => {
      const names = readdirSync(join(world.root, 'm', container.id.slice(0, 12))).sort();
      return names.join() === 'id,s';
    });
  });
});

// The monitor of an exec, one with a client, or the spawner is killed at a named point: it is told, and the container is
// as before. The other moments of a container's monitor: monitor-adopt-faults.test.ts.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import type { DaemonError } from '../../internal/errors/daemon-error.ts';
import type { ExecSyncResult } from '../../internal/monitor/monitor.ts';
import { SpawnerRunner } from '../../internal/monitor/spawner-runner.ts';
import type { StreamSession } from '../../internal/monitor/stream-session.ts';
import { patienceMs } from '../harness/until.ts';
import { FaultyMonitor } from './faulty-monitor.ts';
import { isAlive, makeWorld, missing, type Started, until, type World } from './monitor-fixture.ts';
import { commandLines } from './monitor-stub.ts';

const never = new AbortController().signal;

/** A runtime whose command speaks when the monitor, which is stopped, has yet to hear that the runtime has ended. */
const speaksAtTheEnd = `#!/bin/sh
PATH=/usr/bin:/bin
while [ $# -gt 1 ]; do [ "$1" = --pid-file ] && file=$2; shift; done
isIn() { grep -q "^State:.$2" /proc/$1/status; }
(
  until isIn $PPID T && isIn $$ Z; do sleep 0.02; done
  echo bad >&2
  kill -CONT $PPID
  sleep 0.5
  exit 3
) &
printf %s $! > "$file"
`;

describe('a process of ours that is killed', { skip: missing() }, () => {
  const programs = mkdtempSync(join(tmpdir(), 'cria-faults-'));
  const faulty = new FaultyMonitor(programs);
  let world: World;
  let container: Started;
  let alive: NodeJS.Timeout;
  before(async () => {
    alive = setInterval(() => {}, 1000); // as the daemon's servers keep it running while it waits for a spawner
    world = makeWorld(faulty.path);
    container = await world.create(['sleep', '100000']);
    world.start(container.id);
  });
  afterEach(() => faulty.disarm());
  after(async () => {
    clearInterval(alive);
    await world.close();
    rmSync(programs, { recursive: true });
  });

  function execBy(runtimePath: string, script: string): Promise<ExecSyncResult> {
    const { runtimeArgs, env } = container.request;
    const args = ['sh', '-c', script];
    const process = { terminal: false, user: { uid: 0, gid: 0 }, args, env: ['PATH=/bin'], cwd: '/' };
    const limits = { cgroup: undefined, timeoutMs: patienceMs, maxOutputBytes: 1 << 20 };
    const request = { containerId: container.id, runtimePath, runtimeArgs, env, process, ...limits };
    return world.monitors.execSync(request, never);
  }

  async function exec(script: string): Promise<string> {
    return String((await execBy(container.request.runtimePath, script)).stdout);
  }

  test('what a command says when its runtime has just ended, and no client is there yet, is not lost', async () => {
    const runtimePath = join(programs, 'quick');
    writeFileSync(runtimePath, speaksAtTheEnd, { mode: 0o755 });
    faulty.arm({ role: 'exec', point: 'exec-runtime-started', action: 'stop' });
    const { stderr, exitCode } = await execBy(runtimePath, 'true');
    assert.deepEqual([String(stderr), exitCode], ['bad\n', 3]);
  });

  for (const point of [
    'exec-listening',
    'exec-runtime-started',
    'exec-runtime-ended',
    'exec-started',
    'exec-ended',
    'exec-reporting',
  ]) {
    test(`an exec's monitor, at ${point}: the exec is told as lost, the next one works`, async () => {
      faulty.arm({ role: 'exec', point });
      await assert.rejects(exec('echo lost'), (error: DaemonError) => {
        assert.equal(error.kind, 'unavailable', error.message);
        return true;
      });
      const directory = join(world.root, 'm', container.id.slice(0, 12));
      assert.deepEqual(readdirSync(directory).sort(), ['id', 's']);
      assert.equal(await exec('echo well'), 'well\n');
      assert.ok(isAlive(container.created.pid) && isAlive(container.created.monitorPid));
    });
  }

  for (const point of ['attached', 'stdin-written', 'output-read', 'output-sent']) {
    test(`a monitor with a client, at ${point}: the client is told, the container goes on to its end`, async () => {
      faulty.arm({ role: 'run', point });
      const script = 'while read line; do echo "got $line"; [ "$line" = quit ] && exit 12; done';
      const { id } = await world.create(['sh', '-c', script], { stdin: true });
      world.start(id);
      const streams = { stdin: true, stdout: true, stderr: true, mode: 'lossless' } as const;
      const first = world.monitors.attach({ containerId: id, ...streams }, never);
      await assert.rejects(
        first.then((session) => {
          session.stdin?.write('one\n');
          session.stdout?.resume();
          session.stderr?.resume();
          return session.exit;
        }),
        { kind: 'unavailable' },
      );
      let second: StreamSession | undefined;
      await until('another monitor serves', async () => {
        second = await world.monitors.attach({ containerId: id, ...streams }, never).catch(() => undefined);
        return second !== undefined;
      });
      second?.stdout?.resume();
      second?.stderr?.resume();
      second?.stdin?.write('quit\n');
      assert.equal((await second?.exit)?.code, 12);
      assert.equal((await world.exit(id)).code, 12);
      await world.monitors.remove(id);
    });
  }

  test('a spawner that has started a monitor: nothing is created, and the next one creates', async () => {
    faulty.arm({ role: 'spawner', point: 'spawned' });
    const next = world.another();
    const request = world.request(['true']);
    await assert.rejects(next.monitors.create(request), { kind: 'unavailable' });
    assert.deepEqual(await next.monitors.list(), [container.id]);
    assert.ok(!world.runtimeKnows(request.containerId));
    await until(
      'no process is left',
      () => !commandLines().some((line) => line.includes(request.containerId)),
    );
    await next.monitors.create(request);
    await next.monitors.remove(request.containerId);
    await next.spawner.close();
  });

  for (const point of ['run-started', 'run-ended']) {
    test(`a spawner, at ${point} of a command: the command is told as lost, the next one runs`, async () => {
      faulty.arm({ role: 'spawner', point });
      const next = world.another();
      const runner = new SpawnerRunner(next.spawner);
      const options = { env: { PATH: '/bin:/usr/bin' }, timeoutMs: patienceMs };
      await assert.rejects(runner.run(['/bin/echo', 'one'], options, never), /spawner ended/);
      assert.equal((await runner.run(['/bin/echo', 'two'], options, never)).stdout, 'two\n');
      await next.spawner.close();
    });
  }
});

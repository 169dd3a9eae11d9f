// A monitor that is killed at any named point of its life: the container is not created at all, or goes on, and its exit
// code is the right one.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import type { DaemonError } from '../../internal/errors/daemon-error.ts';
import { SpawnerRunner } from '../../internal/monitor/spawner-runner.ts';
import { FaultyMonitor } from './faulty-monitor.ts';
import { isAlive, makeWorld, missing, type Started, until, type World } from './monitor-fixture.ts';
import { commandLines } from './monitor-stub.ts';

const never = new AbortController().signal;

describe('a monitor that is killed', { skip: missing() }, () => {
  const programs = mkdtempSync(join(tmpdir(), 'cria-faults-'));
  const faulty = new FaultyMonitor(programs);
  let world: World;
  before(() => {
    world = makeWorld(faulty.path);
  });
  afterEach(() => faulty.disarm());
  after(async () => {
    await world.close();
    rmSync(programs, { recursive: true });
  });

  async function assertNothingLeft(id: string, bundle: string): Promise<void> {
    assert.ok(!(await world.monitors.list()).includes(id));
    assert.ok(!existsSync(join(world.root, 'm', id.slice(0, 12))));
    assert.ok(!world.runtimeKnows(id));
    for (const folder of ['exits', 'codes'])
      assert.ok(!readdirSync(join(world.root, folder)).some((name) => name.includes(id)));
    assert.ok(!existsSync(join(bundle, 'monitor.json')));
    await until('no process is left', () => !commandLines().some((line) => line.includes(id)));
  }

  for (const point of [
    'listening',
    'gate-opened',
    'record-reserved',
    'runtime-started',
    'ready',
    'runtime-ended',
    'created',
  ]) {
    test(`creating, at ${point}: it is refused and leaves nothing`, async () => {
      faulty.arm({ role: 'run', point });
      const request = world.request(['sleep', '100000']);
      await assert.rejects(world.monitors.create(request), (error: DaemonError) => {
        assert.equal(error.kind, 'unavailable', error.message);
        return true;
      });
      await assertNothingLeft(request.containerId, request.bundle);
    });
  }

  for (const point of ['init-reaped', 'drained', 'record-renamed', 'recorded', 'exit-told']) {
    test(`at the exit, at ${point}: the code is known`, async () => {
      faulty.arm({ role: 'run', point });
      const { id, request, exit, created } = await world.run(['sh', '-c', 'echo last; exit 42']);
      assert.deepEqual([exit.code, exit.reason], [42, 'exited']);
      await until('the monitor is gone', () => !isAlive(created.monitorPid));
      await world.monitors.remove(id);
      rmSync(join(request.bundle, 'monitor.json'), { force: true });
    });
  }

  describe('while it serves', () => {
    let container: Started;
    before(async () => {
      faulty.disarm();
      container = await world.create(['sleep', '100000']);
      world.start(container.id);
    });

    function exec(script: string): Promise<string> {
      const { runtimePath, runtimeArgs, env } = container.request;
      const args = ['sh', '-c', script];
      const process = { terminal: false, user: { uid: 0, gid: 0 }, args, env: ['PATH=/bin'], cwd: '/' };
      const limits = { timeoutMs: 20_000, maxOutputBytes: 1 << 20 };
      const request = { containerId: container.id, runtimePath, runtimeArgs, env, process, ...limits };
      return world.monitors.execSync(request, never).then(({ stdout }) => String(stdout));
    }

    for (const point of [
      'exec-listening',
      'exec-runtime-started',
      'exec-runtime-ended',
      'exec-started',
      'exec-ended',
      'exec-reporting',
    ]) {
      test(`an exec, at ${point}: it is told, and the container is as before`, async () => {
        faulty.arm({ role: 'exec', point });
        await assert.rejects(exec('echo lost'), (error: DaemonError) => {
          assert.equal(error.kind, 'unavailable', error.message);
          return true;
        });
        faulty.disarm();
        assert.equal(await exec('echo well'), 'well\n');
        assert.ok(isAlive(container.created.pid) && isAlive(container.created.monitorPid));
      });
    }
  });
});

describe('a spawner that is killed', { skip: missing() }, () => {
  const programs = mkdtempSync(join(tmpdir(), 'cria-faults-'));
  const faulty = new FaultyMonitor(programs);
  let world: World;
  before(() => {
    world = makeWorld(faulty.path);
  });
  after(async () => {
    await world.close();
    rmSync(programs, { recursive: true });
  });

  test('after it has started a monitor: nothing is created, and the next one creates', async () => {
    faulty.arm({ role: 'spawner', point: 'spawned' });
    const request = world.request(['true']);
    await assert.rejects(world.monitors.create(request), { kind: 'unavailable' });
    faulty.disarm();
    assert.deepEqual(await world.monitors.list(), []);
    assert.ok(!world.runtimeKnows(request.containerId));
    await until(
      'no process is left',
      () => !commandLines().some((line) => line.includes(request.containerId)),
    );
    assert.equal((await world.run(['true'])).exit.code, 0);
  });

  for (const point of ['run-started', 'run-ended']) {
    test(`at ${point} of a command: the command is told as lost, the next one runs`, async () => {
      const next = world.another();
      faulty.arm({ role: 'spawner', point });
      const runner = new SpawnerRunner(next.spawner);
      const options = { env: { PATH: '/bin:/usr/bin' }, timeoutMs: 10_000 };
      await assert.rejects(runner.run(['/bin/echo', 'one'], options, never), /spawner ended/);
      faulty.disarm();
      assert.equal((await runner.run(['/bin/echo', 'two'], options, never)).stdout, 'two\n');
      await next.spawner.close();
    });
  }
});

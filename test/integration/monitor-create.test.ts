// Creations that fail for another reason than a hostile runtime, or while it runs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isAlive, missing, until, useWorld } from './monitor-fixture.ts';
import { assertNothingLeft, commandLines, deletionsOf, writeStub } from './monitor-stub.ts';

describe('creations that cannot be', { skip: missing() }, () => {
  const world = useWorld();

  test('a runtime that does not exist', async () => {
    const request = world.request(['true'], { runtimePath: '/no/such/runtime' });
    await assert.rejects(world.monitors.create(request), /exec \/no\/such\/runtime: No such file/);
    await assertNothingLeft(world, request);
  });

  test('a log path that is a fifo', async () => {
    const logPath = join(world.root, 'logs', 'fifo');
    execFileSync('mkfifo', [logPath]);
    const request = world.request(['true'], { logPath });
    await assert.rejects(world.monitors.create(request), /open the log file \S+: No such device/);
    await assertNothingLeft(world, request);
  });

  test('a log that cannot be opened', async () => {
    const request = world.request(['true'], { logPath: '/no/such/folder/log' });
    await assert.rejects(world.monitors.create(request), /open the log file \S+: No such file/);
    await assertNothingLeft(world, request);
  });

  test('a cgroup that does not exist', async () => {
    const request = world.request(['true'], { cgroupDirs: ['/sys/fs/cgroup/no/such'] });
    await assert.rejects(
      world.monitors.create(request),
      /join the cgroup \/sys\/fs\/cgroup\/no\/such: No such file/,
    );
    await assertNothingLeft(world, request);
  });

  test('a monitor that cannot be put where it belongs', async () => {
    let seen = 0;
    const take = async (monitorPid: number): Promise<void> => {
      seen = monitorPid;
      assert.ok(isAlive(monitorPid));
      throw new Error('there is no such place');
    };
    const request = world.request(['true'], { take });
    await assert.rejects(world.monitors.create(request), /there is no such place/);
    await until('the monitor is gone', () => !isAlive(seen));
    await assertNothingLeft(world, request);
  });

  test('nothing of a container exists while its monitor is put where it belongs', async () => {
    const traces: boolean[] = [];
    const request = world.request(['sleep', '100000'], {
      take: async () => {
        await new Promise((resolve) => setTimeout(resolve, 200));
        traces.push(existsSync(join(request.bundle, 'pid')), world.runtimeKnows(request.containerId));
      },
    });
    await world.monitors.create(request);
    assert.deepEqual(traces, [false, false]);
    assert.ok(world.runtimeKnows(request.containerId));
    await world.monitors.remove(request.containerId);
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
    const runtimePath = writeStub(world, 'sleep 6665');
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
      assert.equal(deletionsOf(runtimePath), 1);
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

// The daemon or a monitor dies; the containers and their exit codes do not get lost.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isAlive, missing, type Started, until, useWorld, type World } from './monitor-fixture.ts';

const onTerm = (code: number): string[] => [
  'sh',
  '-c',
  `trap 'exit ${code}' TERM; echo ready; while true; do sleep 0.02; done`,
];

describe('recovery', { skip: missing() }, () => {
  const world = useWorld();

  async function running(argv: string[]): Promise<Started> {
    const started = await world.create(argv);
    world.start(started.id);
    await until('the trap is set', () => world.log(started.request).endsWith(' ready\n'));
    return started;
  }

  /** The daemon that created everything dies; the next one takes over. */
  async function withNextDaemon(body: (next: ReturnType<World['another']>) => Promise<void>): Promise<void> {
    world.monitors.close();
    const next = world.another();
    try {
      await body(next);
    } finally {
      for (const id of await next.monitors.list()) await next.monitors.remove(id);
      await next.spawner.close();
    }
  }

  test('a running container is found running, its later exit is told', async () => {
    const { id, created } = await running(onTerm(21));
    await withNextDaemon(async ({ monitors, exits }) => {
      assert.deepEqual(await monitors.adopt(id, created), {
        phase: 'running',
        pid: created.pid,
        startTicks: created.startTicks,
      });
      await monitors.signal(id, 15);
      await until('the exit', () => exits.has(id));
      assert.equal(exits.get(id)?.code, 21);
      await until('the monitor has left', () => !isAlive(created.monitorPid));
    });
  });

  test('a container that ended meanwhile is found with its code', async () => {
    const { id, created } = await running(onTerm(22));
    await withNextDaemon(async ({ monitors, exits }) => {
      process.kill(created.pid, 'SIGTERM');
      await until('the init is gone', () => !isAlive(created.pid));
      const state = await monitors.adopt(id, created);
      assert.equal(state.phase === 'exited' && state.exit.code, 22);
      assert.equal(exits.size, 0);
      await until('the monitor has left', () => !isAlive(created.monitorPid));
      await monitors.remove(id);
      assert.deepEqual(readdirSync(join(world.root, 'exits')), []);
    });
  });

  test('after the monitor has gone the record tells', async () => {
    const { id, created, exit } = await world.run(['sh', '-c', 'exit 23']);
    await until('the monitor has left', () => !isAlive(created.monitorPid));
    await withNextDaemon(async ({ monitors }) => {
      assert.deepEqual(await monitors.adopt(id, created), { phase: 'exited', exit });
      rmSync(join(world.root, 'exits', id));
      const another = world.another();
      const state = await another.monitors.adopt(id, created);
      assert.equal(state.phase === 'exited' && state.exit.code, 23);
      assert.equal(state.phase === 'exited' && state.exit.finishedAtNanos, exit.finishedAtNanos);
      await another.spawner.close();
    });
  });

  test('a monitor is killed: the kernel still knows the code', async () => {
    const { id, created } = await running(onTerm(24));
    process.kill(created.monitorPid, 'SIGKILL');
    await until('the monitor is gone', () => !isAlive(created.monitorPid));
    assert.ok(isAlive(created.pid));
    await world.monitors.signal(id, 15);
    const exit = await world.exit(id);
    assert.equal(exit.code, 24);
    await world.monitors.remove(id);
  });

  test('monitor and daemon are killed: adopted as running, and the code is found', async () => {
    const { id, created } = await running(onTerm(25));
    process.kill(created.monitorPid, 'SIGKILL');
    await withNextDaemon(async ({ monitors, exits }) => {
      assert.equal((await monitors.adopt(id, created)).phase, 'running');
      await monitors.signal(id, 15);
      await until('the exit', () => exits.has(id));
      assert.equal(exits.get(id)?.code, 25);
    });
  });

  test('nobody saw the end: 137 while the kernel remembers it, else 255, MonitorLost', async () => {
    const { id, created } = await running(onTerm(26));
    process.kill(created.monitorPid, 'SIGKILL');
    await until('the monitor is gone', () => !isAlive(created.monitorPid));
    await withNextDaemon(async ({ monitors }) => {
      process.kill(created.pid, 'SIGKILL');
      await until('the init is gone', () => !isAlive(created.pid));
      const isZombie = existsSync(`/proc/${created.pid}`); // it is pid 1 who reaps it, in its own time
      const state = await monitors.adopt(id, created);
      assert.ok(state.phase === 'exited');
      if (isZombie && state.exit.code === 137) assert.equal(state.exit.reason, 'exited');
      else assert.deepEqual([state.exit.code, state.exit.reason], [255, 'MonitorLost']);
    });
  });

  test('an exit code file that could not be written is made later', async () => {
    const { id, created } = await running(onTerm(27));
    const codes = join(world.root, 'codes');
    await withNextDaemon(async ({ monitors, exits }) => {
      renameSync(codes, `${codes}.away`);
      try {
        process.kill(created.pid, 'SIGTERM');
        await until('the record', () => existsSync(join(world.root, 'exits', id)));
        await new Promise((resolve) => setTimeout(resolve, 100)); // the first try is over
      } finally {
        renameSync(`${codes}.away`, codes);
      }
      await until('the exit code file', () => existsSync(join(codes, id)));
      assert.equal(readFileSync(join(codes, id), 'utf8'), '27');
      const state = await monitors.adopt(id, created);
      assert.ok(state.phase === 'exited' && state.exit.code === 27);
      assert.equal(exits.size, 0);
    });
  });

  test('a pid that belongs to somebody else now is not taken for the container', async () => {
    const { id, created } = await world.run(['true']);
    await until('the monitor has left', () => !isAlive(created.monitorPid));
    rmSync(join(world.root, 'exits', id));
    rmSync(join(world.root, 'codes', id));
    await withNextDaemon(async ({ monitors }) => {
      const state = await monitors.adopt(id, { ...created, pid: process.pid });
      assert.equal(state.phase === 'exited' && state.exit.reason, 'MonitorLost');
    });
  });

  test('a SIGKILL is no OOM kill, and an OOM kill is flagged', async () => {
    const { id } = await running(['sh', '-c', 'echo ready; exec sleep 1000']);
    await world.monitors.signal(id, 9);
    const exit = await world.exit(id);
    assert.deepEqual([exit.code, exit.oom], [137, false]);
    const limited = { resources: { memory: { limit: 32 << 20, swap: 32 << 20 } } };
    const eaten = await world.run(['sh', '-c', 'tail -c 200000000 /dev/zero | wc -c'], { linux: limited });
    assert.equal(eaten.exit.oom, true);
  });
});

// A monitor dies while its container lives: another one goes on with what the spawner has kept.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { frameType } from '../../internal/monitor/frames.ts';
import { RawClient } from './monitor-client.ts';
import {
  type Gate,
  isAlive,
  joinLog,
  makeGate,
  makeWorld,
  missing,
  type Started,
  stateOf,
  stdoutIn,
  until,
  useWorld,
  type World,
} from './monitor-fixture.ts';

const perPart = 30;

/** Numbered lines, in parts with a gate between each two, then the code. */
const inParts = (gates: readonly Gate[], code: number): string[] => {
  const part = `end=$((i + ${perPart})); while [ $i -lt $end ]; do i=$((i+1)); echo line $i; done`;
  return ['sh', '-c', `i=0; ${part}; ${gates.map(({ wait }) => `${wait}; ${part}; `).join('')} exit ${code}`];
};

/** The first parts of them. */
const parts = (count: number): string =>
  Array.from({ length: count * perPart }, (_, at) => `line ${at + 1}\n`).join('');

/** What a monitor has read and not yet written is lost with it: it has written all that was said so far. */
async function untilLogged({ request }: Started, text: string): Promise<void> {
  await until('all is in the log', () => stdoutIn(request.logPath ?? '') === text);
}

/** The monitor says that the spawner has what the container needs. */
async function isKept(world: World, id: string): Promise<boolean> {
  return (await stateOf(world, id))['kept'] === true;
}

describe('a monitor that dies', { skip: missing() }, () => {
  let world: World;
  /** The monitors that took over, newest last; undefined: none could. */
  const successors = new Map<string, (number | undefined)[]>();
  before(() => {
    world = makeWorld();
    world.monitors.onMonitorLost((id, pid) => {
      successors.set(id, [...(successors.get(id) ?? []), pid]);
    });
  });
  after(() => world.close());

  async function kill(pid: number): Promise<void> {
    process.kill(pid, 'SIGKILL');
    await until('the monitor is gone', () => !isAlive(pid));
  }

  /** Kills the monitor and waits for the one that goes on; `gate` is opened when there is none. */
  async function replace(id: string, monitorPid: number, gate?: Gate): Promise<number> {
    const before = successors.get(id)?.length ?? 0;
    await kill(monitorPid);
    gate?.open();
    await until('another monitor', () => (successors.get(id)?.length ?? 0) > before);
    const pid = successors.get(id)?.at(-1);
    assert.ok(pid !== undefined, 'no monitor could go on');
    return pid;
  }

  function text({ request }: Started, stream: 'stdout' | 'stderr' = 'stdout'): string {
    return joinLog(world.log(request), stream).toString();
  }

  test('again and again: the log is whole, the exit code is right, its record is written', async () => {
    const gates = [1, 2, 3, 4].map(() => makeGate(world));
    const last = makeGate(world); // who ends has no monitor that could be replaced
    const started = await world.create(inParts([...gates, last], 7));
    const { id, created } = started;
    world.start(id);
    let pid = created.monitorPid;
    for (const [at, gate] of gates.entries()) {
      await untilLogged(started, parts(at + 1));
      pid = await replace(id, pid, gate);
    }
    last.open();
    assert.equal((await world.exit(id)).code, 7);
    assert.equal(text(started), parts(6));
    assert.match(readFileSync(join(world.root, 'exits', id), 'utf8'), /"code":7,.*"reason":"exited"/);
    assert.equal(readFileSync(join(world.root, 'codes', id), 'utf8'), '7');
    await until('the last monitor has left', () => !isAlive(pid));
  });

  test('what is in the pipe is not lost', async () => {
    const gate = makeGate(world);
    const script = `head -c 60000 /dev/zero | tr "\\0" x; echo; echo e >&2; : > /tmp/said; ${gate.wait}; exit 3`;
    const started = await world.create(['sh', '-c', script]);
    process.kill(started.created.monitorPid, 'SIGSTOP'); // it reads nothing
    world.start(started.id);
    await until('all is said', () => existsSync(`/proc/${started.created.pid}/root/tmp/said`));
    await replace(started.id, started.created.monitorPid);
    gate.open();
    assert.equal((await world.exit(started.id)).code, 3);
    assert.equal(text(started), `${'x'.repeat(60000)}\n`);
    assert.equal(text(started, 'stderr'), 'e\n');
  });

  test('together with its container, which says something at the end', async () => {
    const script = 'trap "echo bye; exit 9" TERM; echo ready; while true; do sleep 0.01; done';
    const started = await world.create(['sh', '-c', script]);
    const { id, created } = started;
    world.start(id);
    await until('it runs', () => text(started).includes('ready'));
    // Without a turn of our loop in between: the daemon sees both deaths at once.
    process.kill(created.monitorPid, 'SIGKILL');
    process.kill(created.pid, 'SIGTERM');
    while (isAlive(created.pid));
    assert.equal((await world.exit(id)).code, 9);
    assert.equal(text(started), 'ready\nbye\n');
  });

  test('a terminal goes on: input, size, output; who was attached is disconnected', async () => {
    const script = 'echo ready; read line; stty size; echo "got $line"; exit 4';
    const started = await world.create(['sh', '-c', script], { terminal: true, stdin: true });
    const { id, created } = started;
    const old = await RawClient.attach(world, id);
    world.start(id);
    await until('ready', () => old.text(frameType.stdout).includes('ready'));
    await untilLogged(started, 'ready\r\n'); // clients have it first
    await replace(id, created.monitorPid);
    await old.closed;
    await world.monitors.resize(id, 66, 22);
    const client = await RawClient.attach(world, id);
    await client.write(Buffer.from('word\n'));
    assert.equal((await world.exit(id)).code, 4);
    await client.closed;
    assert.equal(client.text(frameType.stdout), 'word\r\n22 66\r\ngot word\r\n');
    assert.equal(text(started), 'ready\r\nword\r\n22 66\r\ngot word\r\n');
  });

  test('stdin goes on, and ends when its client ends it', async () => {
    const extra = { stdin: true, stdinOnce: true };
    const started = await world.create(['sh', '-c', 'cat; exit 5'], extra);
    world.start(started.id);
    await replace(started.id, started.created.monitorPid);
    const client = await RawClient.attach(world, started.id);
    await client.write(Buffer.from('words\n'));
    client.endStdin();
    assert.equal((await world.exit(started.id)).code, 5);
    assert.equal(text(started), 'words\n');
  });

  test('the log is reopened, signals arrive, a memory kill is flagged', async () => {
    const limited = { resources: { memory: { limit: 32 << 20, swap: 32 << 20 } } };
    const script =
      'trap "tail -c 200000000 /dev/zero | wc -c; exit 1" TERM; echo ready; while true; do sleep 0.01; done';
    const started = await world.create(['sh', '-c', script], { linux: limited });
    const { id, created } = started;
    world.start(id);
    await untilLogged(started, 'ready\n');
    await replace(id, created.monitorPid);
    await world.monitors.reopenLog(id);
    await world.monitors.signal(id, 15);
    assert.equal((await world.exit(id)).oom, true);
  });

  test('is replaced under the next daemon too', async () => {
    const gate = makeGate(world);
    const started = await world.create(inParts([gate], 8));
    world.start(started.id);
    await untilLogged(started, parts(1));
    const spawner = world.spawner.pid as number;
    world.monitors.close();
    await world.spawner.close();
    await until('the spawner has ended, and with it what it kept', () => !isAlive(spawner));
    const next = world.another();
    const lost: (number | undefined)[] = [];
    next.monitors.onMonitorLost((_, pid) => lost.push(pid));
    try {
      const found = await next.monitors.adopt(started.id, started.created);
      assert.equal(found.phase, 'running');
      await until('it has deposited', () => isKept(world, started.id));
      await kill(started.created.monitorPid);
      gate.open();
      await until('the exit', () => next.exits.has(started.id));
      assert.equal(next.exits.get(started.id)?.code, 8);
      assert.equal(text(started), parts(2));
      assert.equal(lost.length, 1);
      await next.monitors.remove(started.id);
    } finally {
      await next.spawner.close();
    }
  });
});

describe('a monitor that dies before the spawner has looked at what it left', { skip: missing() }, () => {
  test('is replaced all the same', async () => {
    const world = makeWorld();
    try {
      const gate = makeGate(world);
      const started = await world.create(inParts([gate], 9));
      world.monitors.close();
      await world.spawner.close();
      const next = world.another();
      try {
        const lost: (number | undefined)[] = [];
        next.monitors.onMonitorLost((_, pid) => lost.push(pid));
        await next.spawner.hello();
        const spawner = next.spawner.pid as number;
        process.kill(spawner, 'SIGSTOP');
        assert.equal((await next.monitors.adopt(started.id, started.created)).phase, 'running');
        await until('it has deposited', () => isKept(world, started.id));
        world.start(started.id);
        await untilLogged(started, parts(1));
        process.kill(started.created.monitorPid, 'SIGKILL');
        await until('the monitor is gone', () => !isAlive(started.created.monitorPid));
        gate.open();
        await sleep(100); // the daemon asks for another one; the spawner finds all of it at once
        process.kill(spawner, 'SIGCONT');
        await until('the exit', () => next.exits.has(started.id));
        assert.equal(next.exits.get(started.id)?.code, 9);
        assert.equal(joinLog(world.log(started.request), 'stdout').toString(), parts(2));
        assert.ok(lost[0] !== undefined);
        await next.monitors.remove(started.id);
      } finally {
        await next.spawner.close();
      }
    } finally {
      await world.close();
    }
  });
});

describe('a monitor that dies, and the spawner with it', { skip: missing() }, () => {
  const world = useWorld();

  function spawnerPid(): number {
    const { pid } = world.spawner;
    assert.ok(pid !== undefined, 'there is no spawner');
    return pid;
  }

  test('monitors deposit with the next spawner', async () => {
    const lost: (number | undefined)[] = [];
    world.monitors.onMonitorLost((_, pid) => lost.push(pid));
    const gate = makeGate(world);
    const started = await world.create(inParts([gate], 6));
    world.start(started.id);
    await untilLogged(started, parts(1));
    for (let at = 0; at < 3; at++) {
      const before = spawnerPid();
      process.kill(before, 'SIGKILL');
      await until('another spawner', () => world.spawner.pid !== before && world.spawner.pid !== undefined);
      await world.spawner.hello();
    }
    await until('it has deposited', () => isKept(world, started.id));
    process.kill(started.created.monitorPid, 'SIGKILL');
    gate.open();
    assert.equal((await world.exit(started.id)).code, 6);
    assert.equal(joinLog(world.log(started.request), 'stdout').toString(), parts(2));
    assert.equal(typeof lost[0], 'number');
  });

  test('at the same time: the output is lost, the exit code is not', async () => {
    const gate = makeGate(world);
    const started = await world.create(inParts([gate], 6));
    world.start(started.id);
    await untilLogged(started, parts(1));
    process.kill(spawnerPid(), 'SIGKILL');
    process.kill(started.created.monitorPid, 'SIGKILL');
    gate.open();
    assert.equal((await world.exit(started.id)).code, 6);
    assert.ok(!existsSync(join(world.root, 'exits', started.id)));
    assert.equal(joinLog(world.log(started.request), 'stdout').toString(), parts(1));
  });
});

// The process that stands for a container in its pod’s own kernel: when it ends, whoever is killed. The kernel is any process here,
// and the runtime a script.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { faultMonitorPath } from '../harness/monitor-build.ts';
import { FaultyMonitor } from './faulty-monitor.ts';
import { makeWorld, missing, type Started, until, type World } from './monitor-fixture.ts';
import { commandLines } from './monitor-stub.ts';

/** `wait` answers with the code in the file `end` when that is there; `start` says so, and does not come to its end. */
const runtime = `#!/bin/sh
PATH=/usr/bin:/bin
case "$*" in
  *create*)
    while [ "$1" != --pid-file ]; do shift; done
    cat "$0.kernel" > "$2";;
  *wait*)
    until [ -e "$0.end" ]; do sleep 0.05; done
    echo "{\\"id\\":\\"x\\",\\"exitStatus\\":$(cat "$0.end")}";;
  *start*) exec sleep 6669;;
esac
`;

describe('a stand-in', { skip: missing() }, () => {
  const programs = mkdtempSync(join(tmpdir(), 'cria-stand-in-'));
  const faulty = new FaultyMonitor(programs);
  const runtimePath = join(programs, 'runtime');
  let world: World;
  let kernel: ChildProcess;
  let alive: NodeJS.Timeout;
  before(() => {
    alive = setInterval(() => {}, 1000); // as the daemon's servers keep it running while it waits for a spawner
    world = makeWorld(faulty.path);
  });
  beforeEach(() => {
    kernel = spawn('sleep', ['100000'], { stdio: 'ignore' });
    writeFileSync(runtimePath, runtime, { mode: 0o755 });
    writeFileSync(`${runtimePath}.kernel`, String(kernel.pid));
    rmSync(`${runtimePath}.end`, { force: true });
  });
  afterEach(() => {
    faulty.disarm();
    kernel.kill('SIGKILL');
  });
  after(async () => {
    clearInterval(alive);
    await world.close();
    rmSync(programs, { recursive: true });
  });

  const create = (): Promise<Started> => world.create(['true'], { runtimePath, standIn: true });
  /** As the role `start` does when the runtime has started the container. */
  const started = ({ id }: Started): Promise<void> => world.monitors.tellStarted(id);

  for (const point of ['created', 'deposited']) {
    test(`of a creation whose monitor is killed, at ${point}, is not left`, async () => {
      faulty.arm({ role: 'run', point });
      const request = world.request(['true'], { runtimePath, standIn: true });
      await assert.rejects(world.monitors.create(request), /lost the monitor of container/);
      await until('no process is left', () =>
        commandLines().every((line) => !line.includes(request.containerId)),
      );
      assert.equal(kernel.exitCode, null);
    });
  }

  test('goes on without its monitor, and ends with the code that the runtime tells', async () => {
    const container = await create();
    process.kill(container.created.monitorPid, 'SIGKILL');
    await started(container);
    writeFileSync(`${runtimePath}.end`, '7');
    assert.equal((await world.exit(container.id)).code, 7);
  });

  test('asks again when the runtime’s program was not there for a while', async () => {
    const container = await create();
    chmodSync(runtimePath, 0o600);
    await started(container);
    const output = `/proc/${container.created.pid}/fd/1`;
    await until('it has heard of the start', () => readlinkSync(output) === '/dev/null');
    await sleep(100); // its question has failed, whenever it came: that it is asked again is what holds
    writeFileSync(`${runtimePath}.end`, '8');
    chmodSync(runtimePath, 0o755);
    assert.equal((await world.exit(container.id)).code, 8);
  });

  test('a start that is killed starts nothing later', async () => {
    const { created, id } = await create();
    const words = ['start', String(created.pid), created.startTicks, runtimePath, 'start', id];
    const start = spawn(faultMonitorPath, words, { stdio: 'ignore' });
    const isStarting = () => commandLines().includes('sleep 6669 ');
    await until('the runtime is at its start', isStarting);
    start.kill('SIGKILL');
    await until('the runtime is gone', () => !isStarting());
    await world.monitors.remove(id);
  });
});

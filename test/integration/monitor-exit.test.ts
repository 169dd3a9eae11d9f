// The end of a container as its monitor tells it: the record, who may leave when, and inits of every descent.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { scriptedRuntime } from '../fakes/scripted-runtime.ts';
import { cgroupDirectory, processesIn, removeCgroupTree } from '../harness/cgroup-parent.ts';
import {
  isAlive,
  joinLog,
  makeWorld,
  missing,
  type Started,
  stateOf,
  until,
  type World,
} from './monitor-fixture.ts';

const recordOf = (world: World, id: string) =>
  JSON.parse(readFileSync(join(world.root, 'exits', id), 'utf8')) as Record<string, unknown>;
const codeOf = (world: World, id: string) => readFileSync(join(world.root, 'codes', id), 'utf8');

interface Disk {
  fill(): void;
  makeRoom(): void;
}

/** A small disk in the place of one of the world's directories. */
function smallDisk(world: World, folder: string): Disk {
  const path = join(world.root, folder);
  const rest = join(path, '.rest');
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path]);
  after(() => execFileSync('umount', ['-l', path])); // a monitor that is ending may have its record open
  return {
    fill: () => assert.throws(() => writeFileSync(rest, Buffer.alloc(1 << 20)), { code: 'ENOSPC' }),
    makeRoom: () => rmSync(rest),
  };
}

describe('the exit record', { skip: missing() }, () => {
  const world = makeWorld();
  after(() => world.close());

  test('says who ended how and when', async () => {
    const before = BigInt(Date.now()) * 1_000_000n;
    const { id, created } = await world.create(['sleep', '1000']);
    world.start(id);
    await world.monitors.signal(id, 9);
    const exit = await world.exit(id);
    const record = recordOf(world, id);
    assert.deepEqual(
      { ...record, startedAt: '', finishedAt: '' },
      {
        version: 1,
        id,
        code: 137,
        signal: 9,
        oom: false,
        startedAt: '',
        finishedAt: '',
        pid: created.pid,
        startTicks: created.startTicks,
        logDroppedBytes: '0',
        reason: 'exited',
      },
    );
    assert.ok(BigInt(String(record['startedAt'])) >= before - 1_000_000_000n);
    assert.ok(BigInt(String(record['startedAt'])) < exit.finishedAtNanos);
    assert.equal(record['finishedAt'], exit.finishedAtNanos.toString());
  });

  test('of a container that was never started has a start, too', async () => {
    const { id } = await world.create(['sleep', '1000']);
    await world.monitors.signal(id, 9);
    await world.exit(id);
    assert.match(String(recordOf(world, id)['startedAt']), /^[1-9]\d{18}$/);
  });
});

describe('a full disk', { skip: missing() }, () => {
  const world = makeWorld();
  after(() => world.close());

  test('has room for the record, which was reserved; without that no container is made', async () => {
    const disk = smallDisk(world, 'exits');
    const { id, created } = await world.create(['sh', '-c', 'exit 42']);
    disk.fill();
    world.start(id);
    assert.equal((await world.exit(id)).code, 42);
    assert.equal(recordOf(world, id)['code'], 42);
    await until('the monitor has left', () => !isAlive(created.monitorPid));
    disk.fill();
    await assert.rejects(world.create(['true']), /make the exit record: No space left on device/);
  });
});

describe('an exit that cannot be recorded yet', { skip: missing() }, () => {
  const world = makeWorld();
  after(() => world.close());

  test('is told, and its monitor answers and stays until it is', async () => {
    const disk = smallDisk(world, 'codes');
    const { id, created } = await world.create(['sh', '-c', 'exit 42']);
    disk.fill();
    world.start(id);
    assert.equal((await world.exit(id)).code, 42);
    const state = await stateOf(world, id);
    assert.deepEqual([state['phase'], state['code']], ['exited', 42]);
    assert.equal(recordOf(world, id)['code'], 42);
    assert.ok(!existsSync(join(world.root, 'codes', id)));
    disk.makeRoom();
    await until('the monitor has left', () => !isAlive(created.monitorPid));
    assert.equal(codeOf(world, id), '42');
  });
});

describe('signals to a monitor', { skip: missing() }, () => {
  const world = makeWorld();
  after(() => world.close());

  test('SIGTERM goes to the container, and without a daemon the monitor leaves when the exit is recorded', async () => {
    const script = 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done';
    const { id, request, created } = await world.create(['sh', '-c', script]);
    world.start(id);
    await until('the trap is set', () => world.log(request).includes('ready'));
    world.monitors.close();
    process.kill(created.monitorPid, 'SIGTERM');
    await until('the monitor has left', () => !isAlive(created.monitorPid));
    assert.equal(recordOf(world, id)['code'], 7);
    assert.equal(codeOf(world, id), '7');
  });

  test('SIGTERM to the monitor of an exited container that nobody has asked for', async () => {
    const { id, created } = await world.create(['true']);
    world.monitors.close();
    world.start(id);
    await until('the record is there', () => existsSync(join(world.root, 'codes', id)));
    assert.ok(isAlive(created.monitorPid));
    process.kill(created.monitorPid, 'SIGTERM');
    await until('the monitor has left', () => !isAlive(created.monitorPid));
  });

  test('others do nothing', async () => {
    const { id, created } = await world.create(['sleep', '1000']);
    world.start(id);
    for (const name of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGPIPE', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'] as const)
      process.kill(created.monitorPid, name);
    assert.equal((await stateOf(world, id))['phase'], 'running');
    assert.ok(isAlive(created.pid));
  });
});

describe('processes that outlive the init', { skip: missing() }, () => {
  const world = makeWorld();
  const parent = `/cria-exit-${randomBytes(4).toString('hex')}`;
  let count = 0;
  after(async () => {
    await world.close();
    removeCgroupTree(parent);
  });

  /** With the pid namespace of the host nobody dies with the init. */
  const onHost = () => {
    count += 1;
    const namespaces = ['ipc', 'uts', 'mount', 'network'].map((type) => ({ type }));
    return { cgroupsPath: `${parent}/c${count}`, namespaces };
  };
  const killRest = (linux: { readonly cgroupsPath: string }) => {
    for (const pid of processesIn(cgroupDirectory('pids', linux.cgroupsPath))) process.kill(pid, 'SIGKILL');
  };

  test('a writer without end does not hold up the exit, and is logged on', async () => {
    const linux = onHost();
    const script = 'while :; do echo more; done & exit 3';
    const { request, created, exit } = await world.run(['sh', '-c', script], { linux });
    assert.equal(exit.code, 3);
    const atExit = world.log(request).length;
    await until('the log goes on', () => world.log(request).length > atExit + 4096);
    killRest(linux);
    await until('the monitor has left', () => !isAlive(created.monitorPid));
    assert.match(joinLog(world.log(request), 'stdout').toString(), /^(more\n)+/);
  });

  test('with the last of them the log ends, even when somebody else holds the output', async (context) => {
    const linux = onHost();
    const events = join('/sys/fs/cgroup/unified', linux.cgroupsPath, 'cgroup.events');
    const script = 'sleep 1000 & echo $! >&2; exit 0';
    const { created } = await world.run(['sh', '-c', script], { linux });
    if (!existsSync(events) && !existsSync(join('/sys/fs/cgroup', linux.cgroupsPath, 'cgroup.events'))) {
      killRest(linux);
      return context.skip('needs cgroup v2, alone or beside v1');
    }
    const [orphan] = processesIn(cgroupDirectory('pids', linux.cgroupsPath));
    const held = openSync(`/proc/${orphan}/fd/1`, 'w');
    killRest(linux);
    // Well before the ten seconds after which it would leave in any case.
    await until('the monitor has left', () => !isAlive(created.monitorPid), 8000);
    closeSync(held);
  });
});

describe('an init that is not a descendant of its monitor', { skip: missing() }, () => {
  const world = makeWorld();
  after(() => world.close());

  /** A shell with a child, which is the init, and the runtime that names it. */
  const foreign = async (script: string): Promise<Started & { readonly parentPid: number }> => {
    const pidFile = join(world.root, `pid-${randomBytes(4).toString('hex')}`);
    const parent = spawn('sh', ['-c', script.replaceAll('PIDFILE', pidFile)], { stdio: 'ignore' });
    await until('the init runs', () => existsSync(pidFile) && readFileSync(pidFile, 'utf8').endsWith('\n'));
    const runtimePath = scriptedRuntime(world.root, { create: `cat ${pidFile} >"$pid_file"` });
    const started = await world.create(['unused'], { runtimePath });
    return { ...started, parentPid: parent.pid ?? 0 };
  };

  test('and is reaped at once: the kernel remembers the code', async () => {
    const { id, created } = await foreign(
      `sh -c "until [ -e PIDFILE ]; do :; done; while [ -e PIDFILE ]; do sleep 0.02; done; exit 23" &
        echo $! >PIDFILE; wait`,
    );
    for (const name of readdirSync(world.root)) if (name.startsWith('pid-')) rmSync(join(world.root, name));
    assert.equal((await world.exit(id)).code, 23);
    await until('the monitor has left', () => !isAlive(created.monitorPid));
  });

  test('and is reaped late: its zombie tells the code', async () => {
    const { id, created, parentPid } = await foreign('sleep 1000 & echo $! >PIDFILE; kill -STOP $$; wait');
    process.kill(created.pid, 'SIGKILL');
    const exit = await world.exit(id);
    assert.deepEqual([exit.code, exit.signal, exit.reason], [137, 9, 'exited']);
    assert.match(readFileSync(`/proc/${created.pid}/stat`, 'utf8'), /\) Z /);
    process.kill(parentPid, 'SIGCONT');
  });
});

// What counts as an end for memory: a kill that the kernel counted in the container's own cgroup, and nothing else.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import {
  cgroupDirectory,
  isUnified,
  makeMemoryParent,
  processesIn,
  removeCgroupTree,
} from '../harness/cgroup-parent.ts';
import { isAlive, makeWorld, missing, until, untilAtRest } from './monitor-fixture.ts';

const megabyte = 1024 * 1024;

describe('the OOM flag of an exit', { skip: missing() }, () => {
  const world = makeWorld();
  const parent = `/cria-oom-${randomBytes(4).toString('hex')}`;
  let count = 0;
  after(async () => {
    await world.close();
    removeCgroupTree(parent);
  });

  /** A cgroup below our parent, with a limit of its own or none. */
  const below = (limitBytes?: number) => {
    count += 1;
    const memory = limitBytes === undefined ? {} : { memory: { limit: limitBytes, swap: limitBytes } };
    return { cgroupsPath: `${parent}/c${count}`, resources: memory };
  };
  const eat = 'dd if=/dev/zero of=/dev/null bs=200M count=1';

  test('is set when the init was killed for the limit of the container', async () => {
    const { exit } = await world.run(['sh', '-c', `exec ${eat}`], { linux: below(24 * megabyte) });
    assert.deepEqual([exit.code, exit.signal, exit.oom], [137, 9, true]);
  });

  test('is set when only a child was killed, whatever the code of the init', async () => {
    const { exit } = await world.run(['sh', '-c', `${eat}; exit 0`], { linux: below(24 * megabyte) });
    assert.deepEqual([exit.code, exit.signal, exit.oom], [0, undefined, true]);
  });

  test('is not set by the code 137, nor by a SIGKILL under a limit', async () => {
    const own = await world.run(['sh', '-c', 'exit 137'], { linux: below(24 * megabyte) });
    assert.deepEqual([own.exit.code, own.exit.oom], [137, false]);
    const killed = await world.create(['sleep', '1000'], { linux: below(24 * megabyte) });
    world.start(killed.id);
    await world.monitors.signal(killed.id, 9);
    const exit = await world.exit(killed.id);
    assert.deepEqual([exit.code, exit.signal, exit.oom], [137, 9, false]);
  });

  test('is set only for the container whose process a limit of the pod has killed', async () => {
    makeMemoryParent(parent, 64 * megabyte);
    const bystander = await world.create(['sleep', '1000'], { linux: below() });
    world.start(bystander.id);
    const victim = await world.run(['sh', '-c', `exec ${eat}`], { linux: below() });
    assert.deepEqual([victim.exit.signal, victim.exit.oom], [9, true]);
    assert.ok(isAlive(bystander.created.pid));
    await world.monitors.signal(bystander.id, 9);
    const exit = await world.exit(bystander.id);
    assert.deepEqual([exit.code, exit.oom], [137, false]);
  });

  test('stays when the cgroup is gone before the container ends, as systemd may remove it', async () => {
    const linux = below(24 * megabyte);
    const { id, created } = await world.create(['sh', '-c', `${eat}; sleep 1000; true`], { linux });
    world.start(id);
    const directory = cgroupDirectory('memory', linux.cgroupsPath);
    await until('the child was killed, and the next one runs', () => {
      const commands = processesIn(directory).map(commandOf).sort();
      return commands.join() === 'sh,sleep';
    });
    // A v1 kernel tells before it kills, so the monitor looks a little later; systemd needs longer than that, too.
    await untilAtRest(created.monitorPid, 500);
    const aside = cgroupDirectory('memory', `${parent}/aside`);
    mkdirSync(aside);
    for (const pid of processesIn(directory)) writeFileSync(join(aside, 'cgroup.procs'), String(pid));
    rmdirSync(directory);
    await world.monitors.signal(id, 9);
    assert.equal((await world.exit(id)).oom, true);
    await until('the monitor has left', () => !isAlive(created.monitorPid));
  });

  /** cgroup v2 tells with the kill and not before it, and so much is lost with the cgroup; a PREEMPT_RT kernel tells nothing. */
  const tells = !isUnified && existsSync(cgroupDirectory('memory', 'cgroup.event_control'));
  const onlyOnV1 = { skip: tells ? false : 'needs cgroup v1 with events' };

  /** The exit of an init that ended while its monitor had no CPU, and whose cgroup was removed meanwhile. */
  async function exitUnseen(command: readonly string[], end: (initPid: number) => void, signals: number) {
    const linux = below(24 * megabyte);
    const { id, created } = await world.create(command, { linux });
    process.kill(created.monitorPid, 'SIGSTOP');
    try {
      world.start(id);
      end(created.pid);
      await until('the init has ended', () => stateOf(created.pid) === 'Z');
      await until('its cgroup can be removed', () => isRemoved(cgroupDirectory('memory', linux.cgroupsPath)));
      await until(
        'the kernel has told of the end of the cgroup',
        () => toldTo(created.monitorPid) >= signals,
      );
    } finally {
      process.kill(created.monitorPid, 'SIGCONT');
    }
    return world.exit(id);
  }

  test('is set when systemd removes the cgroup before the monitor sees the exit', onlyOnV1, async () => {
    const killed = await exitUnseen(['sh', '-c', `exec ${eat}`], () => {}, 2);
    assert.deepEqual([killed.code, killed.signal, killed.oom], [137, 9, true]);
    const stopped = await exitUnseen(['sleep', '1000'], (pid) => process.kill(pid, 'SIGKILL'), 1);
    assert.deepEqual([stopped.code, stopped.signal, stopped.oom], [137, 9, false]);
  });
});

/** As /proc/PID/stat has it; Z is a zombie. */
function stateOf(pid: number): string {
  return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '';
}

/** A process may be in its cgroup a moment longer than it can be seen to have ended. */
function isRemoved(cgroup: string): boolean {
  try {
    rmdirSync(cgroup);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EBUSY') throw cause;
    return false;
  }
}

/** What waits in the only eventfd of a process. */
function toldTo(pid: number): number {
  const texts = readdirSync(`/proc/${pid}/fdinfo`).map((fd) =>
    readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'),
  );
  const counts = texts.flatMap((text) => /^eventfd-count:\s+([0-9a-f]+)$/m.exec(text)?.[1] ?? []);
  assert.equal(counts.length, 1);
  return Number.parseInt(counts[0] ?? '', 16);
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return ''; // it ends just now
  }
}

// The end of an exec at its timeout: everything that the command has started is dead before the answer, nothing else is.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { DaemonError } from '../../internal/errors/daemon-error.ts';
import type { ExecSyncRequest } from '../../internal/monitor/monitor.ts';
import { parseExecHelp } from '../../internal/oci/probe-runtime.ts';
import { cgroupDirectory, isUnified, processesIn, removeCgroupTree } from '../harness/cgroup-parent.ts';
import { claimCgroups, releaseCgroups } from '../harness/crun-cgroups.ts';
import { patienceMs } from '../harness/until.ts';
import { isAlive, makeWorld, missing, runcPath, type Started, until, type World } from './monitor-fixture.ts';

/** The hierarchy in which an exec has its own cgroup. */
const controller = 'freezer';

function optionOf(runtime: string) {
  return parseExecHelp(execFileSync(runtime, ['exec', '--help'], { encoding: 'utf8' })).execCgroup;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return ''; // it has ended
  }
}

for (const runtime of [runcPath ?? '/usr/bin/runc', '/usr/bin/crun']) {
  const name = runtime.split('/').at(-1) ?? '';
  const skip = missing() || (existsSync(runtime) ? false : `needs ${name}`);
  describe(`an exec under ${name}`, { skip }, () => {
    const option = skip === false ? optionOf(runtime) : undefined;
    const hasOwnCgroup = option === 'any' || (option === 'unified' && isUnified);
    const parent = `/cria-kill-${randomBytes(4).toString('hex')}`;
    let world: World;
    let container: Started;
    let directory: string;

    before(async () => {
      world = makeWorld();
      const mounts = join(world.root, 'crun-mounts');
      mkdirSync(mounts);
      if (name === 'crun') claimCgroups(mounts);
      container = await start();
      directory = cgroupDirectory(controller, `${parent}/${container.id}`);
      await until('its processes run', () => processes().join() === own.join());
    });
    after(async () => {
      await world.monitors.remove(container.id);
      execFileSync(runtime, [...container.request.runtimeArgs, 'delete', '--force', container.id]);
      if (name === 'crun') releaseCgroups(join(world.root, 'crun-mounts'), parent);
      await world.close();
      removeCgroupTree(parent);
    });

    /** A container with a limit of processes, whose init has a child of its own. */
    async function start(): Promise<Started> {
      const runtimeArgs = ['--root', join(world.root, `${name}-state`)];
      const request = world.request(['sh', '-c', 'sleep 8881 & sleep 8882; true'], {
        runtimePath: runtime,
        runtimeArgs,
      });
      const path = join(request.bundle, 'config.json');
      const config = JSON.parse(readFileSync(path, 'utf8'));
      config.linux.cgroupsPath = `${parent}/${request.containerId}`;
      config.linux.resources = { pids: { limit: 60 } };
      writeFileSync(path, JSON.stringify(config));
      const created = await world.monitors.create(request);
      execFileSync(runtime, [...runtimeArgs, 'start', request.containerId], { stdio: 'ignore' });
      return { id: request.containerId, request, created };
    }

    function request(script: string, extra: Partial<ExecSyncRequest> = {}): ExecSyncRequest {
      const { runtimePath, runtimeArgs, env } = container.request;
      const args = ['sh', '-c', script];
      const process = { terminal: false, user: { uid: 0, gid: 0 }, args, env: ['PATH=/bin'], cwd: '/' };
      const { pid, startTicks } = container.created;
      const cgroup = option === undefined ? undefined : { option, initPid: pid, initStartTicks: startTicks };
      const fields = { containerId: container.id, runtimePath, runtimeArgs, env, process, cgroup };
      return { ...fields, timeoutMs: patienceMs, maxOutputBytes: 1 << 20, ...extra };
    }

    const exec = (script: string, extra?: Partial<ExecSyncRequest>) =>
      world.monitors.execSync(request(script, extra), new AbortController().signal);
    const timesOut = (error: DaemonError) => error.kind === 'deadline-exceeded';
    /** All processes of the container, wherever below its cgroup. */
    const processes = () =>
      processesOf(container.id)
        .map(commandOf)
        .filter((command) => command !== '')
        .sort();
    const own = ['sh -c sleep 8881 & sleep 8882; true', 'sleep 8881', 'sleep 8882'];
    const cgroupsBelow = () =>
      readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());

    test('a tree that stays together', async () => {
      await assert.rejects(exec('sleep 7771 & (sleep 7772 | sleep 7773)', { timeoutMs: 500 }), timesOut);
      assert.deepEqual(processes(), own);
    });

    test(`a tree that hides from ${name}: new sessions, dead parents, closed output`, async (context) => {
      if (!hasOwnCgroup) return context.skip(`${name} gives an exec no cgroup of its own on this machine`);
      const hidden = 'exec </dev/null >/dev/null 2>&1; sleep 7774 & (setsid sleep 7775 &)';
      const script = `setsid sh -c '(${hidden}) & (setsid sh -c "${hidden}" &)' & sleep 7776`;
      await assert.rejects(exec(script, { timeoutMs: 700 }), timesOut);
      assert.deepEqual(processes(), own);
      await until('its cgroup is removed', () => cgroupsBelow().length === 0);
    });

    test(`a fork bomb under ${name}, as far as the limit of the container lets it`, async (context) => {
      if (!hasOwnCgroup) return context.skip(`${name} gives an exec no cgroup of its own on this machine`);
      // A shell that cannot fork ends, so the one that is waited for does not fork any more.
      const more = 'while :; do (setsid sh -c "sleep 7777 &" >/dev/null 2>&1 &); done';
      const bomb = `b() { b | b & }; (b; ${more}) >/dev/null 2>&1 & exec sleep 7776`;
      await assert.rejects(exec(bomb, { timeoutMs: 1500, maxOutputBytes: 1 }), timesOut);
      assert.deepEqual(processes(), own);
      await until('its cgroup is removed', () => cgroupsBelow().length === 0);
    });

    test('the connection of a daemon that dies is the same as a timeout', async () => {
      const abort = new AbortController();
      const running = world.monitors.execSync(request('sleep 7778', { timeoutMs: 0 }), abort.signal);
      await until('the command runs', () => processes().includes('sleep 7778'));
      abort.abort();
      await assert.rejects(running, { name: 'AbortError' });
      await until('the command is dead', () => processes().join() === own.join());
    });

    test('what a command leaves behind in time is a process of the container, in its cgroup', async () => {
      const { stdout } = await exec('sleep 7779 >/dev/null 2>&1 & echo $!');
      assert.match(String(stdout), /^\d+\n$/);
      await until('it runs', () => processes().includes('sleep 7779')); // forked, perhaps no sleep yet
      await until('no cgroup is left of the exec', () => cgroupsBelow().length === 0);
      const rest = processesIn(directory).find((pid) => commandOf(pid) === 'sleep 7779');
      assert.ok(rest !== undefined && isAlive(rest));
      process.kill(rest, 'SIGKILL');
      await until('it is dead', () => processes().join() === own.join());
    });

    test('a command counts as the container in every hierarchy, while it runs', async () => {
      const { stdout } = await exec('cat /proc/self/cgroup');
      for (const line of String(stdout).trim().split('\n')) {
        if (/hugetlb/.test(line) || line.endsWith(':/')) continue;
        assert.ok(line.includes(container.id), line);
      }
    });

    test('a process that is older than the command and was given its output lives on, and so do its children', async () => {
      const script = 'read file; exec 3>"$file"; sleep 7782 & echo held; wait';
      const older = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
      const pid = older.pid ?? 0;
      try {
        await until('the next process is younger', () => uptimeTicks() > startOf(pid) + 1);
        const abort = new AbortController();
        const asked = request('sleep 7781', { timeoutMs: 0, cgroup: undefined });
        const running = world.monitors.execSync(asked, abort.signal);
        running.catch(() => {}); // awaited below
        await until('the command runs', () => processes().includes('sleep 7781'));
        const command = processesOf(container.id).find((other) => commandOf(other) === 'sleep 7781');
        older.stdin.write(`/proc/${command}/fd/1\n`);
        await once(older.stdout, 'data');
        abort.abort();
        await assert.rejects(running, { name: 'AbortError' });
        await until('the command is dead', () => processes().join() === own.join());
        assert.ok(isAlive(pid));
        const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
        await until('its child has begun', () => commandOf(child) === 'sleep 7782');
        assert.ok(isAlive(child));
      } finally {
        process.kill(-pid, 'SIGKILL'); // with its child
      }
    });

    test('an init that is not the one it was said to be is no reason to fail, nor to kill', async () => {
      const cgroup = { option: 'any', initPid: process.pid, initStartTicks: '1' } as const;
      assert.equal((await exec('exit 5', { cgroup })).exitCode, 5);
      await assert.rejects(exec('sleep 7780', { cgroup, timeoutMs: 300 }), timesOut);
      assert.deepEqual(processes(), own);
    });
  });
}

function processesOf(containerId: string): number[] {
  const all = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return all.map(Number).filter((pid) => isIn(pid, containerId));
}

/** In the unit of /proc/PID/stat: hundredths of a second since the boot. */
function uptimeTicks(): number {
  return Math.floor(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 100);
}

function startOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return Number(fields[19]); // starttime, the 22nd of all
}

function isIn(pid: number, containerId: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(containerId);
  } catch {
    return false;
  }
}

// Bugs that other monitors have had, one test for each that no other file shows; the whole list is in test/README.md.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ControlConnection } from '../../internal/monitor/control-connection.ts';
import { attempt } from '../harness/command.ts';
import { isSanitized } from '../harness/monitor-build.ts';
import { commandOf, ownKiB, processIds } from '../harness/proc.ts';
import { patienceMs } from '../harness/until.ts';
import { RawClient } from './monitor-client.ts';
import { isAlive, missing, type Started, until, untilAtRest, useWorld } from './monitor-fixture.ts';

describe('bugs of others', { skip: missing() }, () => {
  const world = useWorld();

  async function running(script: string, extra: object = {}): Promise<Started> {
    const started = await world.create(['sh', '-c', script], extra);
    world.start(started.id);
    await until('it runs', () => world.log(started.request).includes('ready'));
    return started;
  }

  async function end(id: string): Promise<void> {
    await world.monitors.signal(id, 9);
    assert.equal((await world.exit(id)).code, 137);
    await world.monitors.remove(id);
  }

  /** The most that it has had at a time, the pages of its program included. */
  function assertNeverLarge(pid: number): void {
    if (isSanitized) return;
    const [, peakKiB] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    assert.ok(Number(peakKiB) < 3_000, `${peakKiB} KiB`);
  }

  test('no file may be opened any more: who connects waits, and costs no busy loop', async () => {
    const { id, created } = await running('echo ready; sleep 100000');
    const limit = async (soft: number): Promise<void> => {
      const { exitCode } = await attempt(['prlimit', '--pid', `${created.monitorPid}`, `--nofile=${soft}:`]);
      assert.equal(exitCode, 0);
    };
    const usedTicks = (): number => {
      const stat = readFileSync(`/proc/${created.monitorPid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(fields[11]) + Number(fields[12]);
    };
    const hundred = 100; // of its own time in a second: a busy loop takes nearly all that it gets
    const before = usedTicks();
    await limit(3);
    const client = new RawClient(join(world.root, 'm', id.slice(0, 12), 's'));
    const answer = client.request({ op: 'state' });
    await delay(1000);
    assert.ok(usedTicks() - before < hundred / 10, `${usedTicks() - before} ticks`);
    await limit(1024);
    assert.equal((await answer)['phase'], 'running');
    client.socket.destroy();
    await end(id);
  });

  test('an output that a process holds which outlives the container: no busy loop at EAGAIN', async () => {
    const namespaces = ['ipc', 'uts', 'mount', 'network'].map((type) => ({ type })); // the host's processes
    const { id, created } = await world.create(['sh', '-c', '(sleep 5553 &); exit 3'], {
      linux: { namespaces },
    });
    world.start(id);
    assert.equal((await world.exit(id)).code, 3);
    await untilAtRest(created.monitorPid);
    for (const pid of processIds()) if (commandOf(pid) === 'sleep 5553') process.kill(pid, 'SIGKILL');
    await until('the monitor has left', () => !isAlive(created.monitorPid));
    await world.monitors.remove(id);
  });

  test('a terminal that nobody has open: no busy loop at EIO or HUP, and it still works', async () => {
    const script = 'echo ready; tty=$(tty); exec <&- >&- 2>&-; sleep 1; echo back > $tty; sleep 100000';
    const { id, request, created } = await running(script, { terminal: true });
    await untilAtRest(created.monitorPid);
    await until('the output of later', () => world.log(request).includes('back'));
    await untilAtRest(created.monitorPid);
    await end(id);
  });

  test('a terminal that is opened and closed all the time loses nothing', async () => {
    const script =
      'echo ready; tty=$(tty); exec <&- >&- 2>&-; i=0; while [ $i -lt 300 ]; do echo $i > $tty; i=$((i+1)); done; exit 6';
    const { id, request } = await running(script, { terminal: true });
    assert.equal((await world.exit(id)).code, 6);
    const numbers = [...world.log(request).matchAll(/ stdout F (\d+)\r\n/g)].map(([, number]) =>
      Number(number),
    );
    assert.deepEqual(
      numbers,
      Array.from({ length: 300 }, (_, at) => at),
    );
  });

  test('after a memory kill in the container: no busy loop', async () => {
    const limit = { resources: { memory: { limit: 32 << 20, swap: 32 << 20 } } };
    const script = '(tail -c 200000000 /dev/zero | wc -c) 2>/dev/null; echo ready; exec sleep 100000';
    const { id, created } = await running(script, { linux: limit });
    await untilAtRest(created.monitorPid);
    await world.monitors.signal(id, 9);
    assert.equal((await world.exit(id)).oom, true);
    await world.monitors.remove(id);
  });

  test('an exec writes no exit record: the one of the container stays its own', async () => {
    const { id, request } = await running('echo ready; exec sleep 100000');
    const { runtimePath, runtimeArgs, env } = request;
    const command = { terminal: false, user: { uid: 0, gid: 0 }, args: ['sh', '-c', 'exit 9'], cwd: '/' };
    const limits = { cgroup: undefined, timeoutMs: patienceMs, maxOutputBytes: 1000 };
    const exec = { containerId: id, runtimePath, runtimeArgs, env, ...limits };
    const process = { ...command, env: ['PATH=/bin'] };
    assert.equal(
      (await world.monitors.execSync({ ...exec, process }, new AbortController().signal)).exitCode,
      9,
    );
    assert.ok(!existsSync(join(world.root, 'exits', id)) && !existsSync(join(world.root, 'codes', id)));
    await world.monitors.signal(id, 9);
    await world.exit(id);
    assert.equal(readFileSync(join(world.root, 'codes', id), 'utf8'), '137');
    await world.monitors.remove(id);
  });

  test('the score of the OOM killer: lowest for the monitor where that is allowed, as before for the container', async () => {
    const score = (pid: number | string) => Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'));
    const allowed =
      (await attempt(['/bin/sh', '-c', 'echo -1000 > /proc/self/oom_score_adj'])).exitCode === 0;
    const { id, created } = await running('echo ready; exec sleep 100000');
    assert.equal(score(created.monitorPid), allowed ? -1000 : score('self'));
    assert.equal(score(created.pid), score('self'));
    await end(id);
  });

  test('stdin that the container does not read: no busy loop at EAGAIN, and no end of memory', async () => {
    const { id, created } = await running('echo ready; exec sleep 100000', { stdin: true });
    const client = new RawClient(join(world.root, 'm', id.slice(0, 12), 's'));
    assert.equal((await client.request({ op: 'attach', mode: 'lossless', stdin: true }))['err'], undefined);
    const writing = client.write(Buffer.alloc(4 << 20)).catch(() => {}); // it never gets there
    await until('the first is sent', () => client.socket.bytesWritten > 60_000);
    await until('no more is granted', () => client.granted === 0);
    await untilAtRest(created.monitorPid);
    assertNeverLarge(created.monitorPid);
    client.socket.destroy();
    await writing;
    await end(id);
  });

  test('a line without an end takes no more memory than any other', async () => {
    const { id, created } = await running(
      'echo ready; head -c 60000000 /dev/zero | tr "\\0" x; echo; echo done; exec sleep 100000',
    );
    await until('all is written', () => statSync(join(world.root, 'logs', id)).size > 60_000_000);
    assertNeverLarge(created.monitorPid);
    await end(id);
  });

  test('a thousand requests on a hundred connections leave nothing in the monitor', async () => {
    const { id, created } = await running('echo ready; exec sleep 100000');
    const files = () => readdirSync(`/proc/${created.monitorPid}/fd`).length;
    const socket = join(world.root, 'm', id.slice(0, 12), 's');
    const ask = async (): Promise<void> => {
      const connection = await ControlConnection.open(socket, () => {});
      for (let at = 0; at < 10; at++) await connection.request('state');
      connection.close();
      await connection.closed;
    };
    const filesBefore = files();
    await ask();
    await until('the first connection is gone', () => files() === filesBefore);
    for (let at = 0; at < 100; at++) await ask();
    await until('all connections are gone', () => files() === filesBefore);
    if (!isSanitized)
      await until(
        () => `no memory is left of them: ${ownKiB(created.monitorPid)} KiB`,
        () => ownKiB(created.monitorPid) <= 64,
      );
    await end(id);
  });
});

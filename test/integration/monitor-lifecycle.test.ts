// A container from creation to exit under its native monitor, with a real runc.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isAlive, joinLog, missing, until, useWorld } from './monitor-fixture.ts';

describe('monitor life cycle', { skip: missing() }, () => {
  const world = useWorld();

  for (const [script, code, signal] of [
    ['true', 0, undefined],
    ['exit 1', 1, undefined],
    ['exit 77', 77, undefined],
  ] as const) {
    test(`exit code ${code}`, async () => {
      const before = Date.now();
      const { exit, created, id } = await world.run(['sh', '-c', script]);
      assert.equal(exit.code, code);
      assert.equal(exit.signal, signal);
      assert.equal(exit.oom, false);
      assert.equal(exit.reason, 'exited');
      assert.ok(created.pid > 1);
      assert.match(created.startTicks, /^\d+$/);
      const finishedAtMs = Number(exit.finishedAtNanos / 1_000_000n);
      assert.ok(before <= finishedAtMs && finishedAtMs <= Date.now());
      const record = JSON.parse(readFileSync(join(world.root, 'exits', id), 'utf8'));
      assert.equal(record.code, code);
      assert.equal(record.finishedAt, exit.finishedAtNanos.toString());
      assert.equal(readFileSync(join(world.root, 'codes', id), 'utf8'), String(code));
      assert.equal(statSync(join(world.root, 'codes', id), { bigint: true }).mtimeNs, exit.finishedAtNanos);
      await until('the monitor has left', () => !isAlive(created.monitorPid));
    });
  }

  test('a signal ends the container with 128 + its number', async () => {
    const { id } = await world.create(['sleep', '1000']);
    world.start(id);
    await world.monitors.signal(id, 9);
    const exit = await world.exit(id);
    assert.equal(exit.code, 137);
    assert.equal(exit.signal, 9);
    await world.monitors.signal(id, 9);
  });

  test('remove ends a living container and leaves nothing', async () => {
    const { id, created } = await world.create(['sleep', '1000']);
    world.start(id);
    assert.ok((await world.monitors.list()).includes(id));
    await world.monitors.remove(id);
    await until('monitor and init are gone', () => !isAlive(created.monitorPid) && !isAlive(created.pid));
    assert.ok(!(await world.monitors.list()).includes(id));
    assert.ok(!existsSync(join(world.root, 'exits', id)));
    await world.monitors.remove(id);
  });

  test('remove during an exec ends it and leaves nothing', async () => {
    const { id, request, created } = await world.create(['sleep', '100000']);
    world.start(id);
    const { runtimePath, runtimeArgs, env } = request;
    const args = ['sh', '-c', 'echo ready > /tmp/ready; sleep 100000'];
    const command = { terminal: false, user: { uid: 0, gid: 0 }, args, env: ['PATH=/bin'], cwd: '/' };
    const limits = { cgroup: undefined, timeoutMs: 0, maxOutputBytes: 1 << 20 };
    const exec = { containerId: id, runtimePath, runtimeArgs, env, process: command, ...limits };
    const settled = world.monitors.execSync(exec, new AbortController().signal).catch(String);
    await until('it runs', () => existsSync(`/proc/${created.pid}/root/tmp/ready`));
    await world.monitors.remove(id);
    const end = await settled;
    assert.ok(typeof end === 'string' || end.exitCode === 137, JSON.stringify(end));
    assert.ok(!existsSync(join(world.root, 'm', id.slice(0, 12))));
  });

  test('the log holds both streams', async () => {
    const { request } = await world.run(['sh', '-c', 'echo one; echo two >&2; printf three']);
    assert.equal(joinLog(world.log(request), 'stdout').toString(), 'one\nthree');
    assert.equal(joinLog(world.log(request), 'stderr').toString(), 'two\n');
  });

  test('reopen goes to a new file', async () => {
    const { id, request } = await world.create(['sh', '-c', 'while true; do echo line; sleep 0.02; done']);
    const logPath = request.logPath ?? '';
    world.start(id);
    await until('a line', () => world.log(request) !== '');
    renameSync(logPath, `${logPath}.1`);
    await world.monitors.reopenLog(id);
    assert.ok(existsSync(logPath));
    await until('a line in the new file', () => world.log(request) !== '');
    await world.monitors.remove(id);
  });

  test('no such binary: the runtime says so and nothing is left', async () => {
    const request = world.request(['/no/such/binary']);
    await assert.rejects(world.monitors.create(request), (error: Error) => {
      assert.match(error.message, /no such file/);
      assert.doesNotMatch(error.message, /time=/);
      return true;
    });
    assert.ok(!world.runtimeKnows(request.containerId));
    assert.ok(!(await world.monitors.list()).includes(request.containerId));
    assert.deepEqual(
      readdirSync(join(world.root, 'exits')).filter((name) => name.includes(request.containerId)),
      [],
    );
    assert.ok(!existsSync(join(request.bundle, 'monitor.json')));
  });
});

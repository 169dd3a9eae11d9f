// The daemon is killed while a monitor is at a named point: the next one finds the container with its code, or nothing
// that it cannot take away.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { CreatedContainer, MonitorRequest } from '../../internal/monitor/monitor.ts';
import type { DaemonPlan } from './daemon-child.ts';
import { type FaultPoint, FaultyMonitor } from './faulty-monitor.ts';
import { isAlive, makeWorld, missing, until, type World } from './monitor-fixture.ts';
import { commandLines } from './monitor-stub.ts';

const child = fileURLToPath(new URL('./daemon-child.js', import.meta.url));

describe('a daemon that is killed', { skip: missing() }, () => {
  const programs = mkdtempSync(join(tmpdir(), 'cria-faults-'));
  const faulty = new FaultyMonitor(programs);
  const pidFile = join(programs, 'pid');
  let world: World;
  before(() => {
    world = makeWorld(faulty.path);
  });
  after(async () => {
    await world.close();
    rmSync(programs, { recursive: true });
  });

  /** Runs a daemon up to its death; what it had said is returned. */
  async function dieAt(
    fault: Omit<FaultPoint, 'action' | 'pidFile'>,
    request: MonitorRequest,
    plan: Partial<DaemonPlan> = {},
  ): Promise<Record<string, unknown>[]> {
    faulty.arm({ ...fault, action: 'daemon', pidFile });
    const { directories, root } = world;
    const keepSocket = join(root, 'keep');
    const planFile = join(programs, 'plan');
    const whole = {
      monitorPath: faulty.path,
      directories,
      keepSocket,
      pidFile,
      request,
      start: [],
      exec: [],
      ...plan,
    };
    writeFileSync(planFile, JSON.stringify(whole));
    const daemon = spawn(process.execPath, [child, planFile], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    daemon.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const [, signal] = await once(daemon, 'close');
    assert.equal(signal, 'SIGKILL', text);
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** What the next daemon does with a container of which it knows only that it was being made. */
  async function undo(request: MonitorRequest): Promise<void> {
    const { containerId: id, bundle } = request;
    const next = world.another();
    await next.monitors.remove(id);
    world.deleteRuntimeState(id);
    rmSync(join(bundle, 'monitor.json'), { force: true });
    assert.ok(!(await next.monitors.list()).includes(id));
    await next.spawner.close();
    for (const folder of ['m', 'exits', 'codes'])
      assert.ok(!readdirSync(join(world.root, folder)).some((name) => name.includes(id.slice(0, 12))));
    assert.ok(!world.runtimeKnows(id));
    await until('no process is left', () => !commandLines().some((line) => line.includes(id)));
    assert.deepEqual(
      readdirSync(bundle).filter((name) => name !== 'config.json' && name !== 'pid'),
      [],
    );
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
    test(`while a container is created, at ${point}: it can be taken away`, async () => {
      const request = world.request(['sleep', '100000']);
      assert.deepEqual(await dieAt({ role: 'run', point }, request), []);
      await undo(request);
    });
  }

  const startOf = (request: MonitorRequest): string[] => [
    request.runtimePath,
    ...request.runtimeArgs,
    'start',
    request.containerId,
  ];

  for (const point of ['init-reaped', 'drained', 'record-renamed', 'recorded', 'exit-told']) {
    test(`while a container ends, at ${point}: the next one knows its code`, async () => {
      const request = world.request(['sh', '-c', 'echo last; exit 42']);
      const said = await dieAt({ role: 'run', point }, request, { start: startOf(request) });
      const created = said[0]?.['created'] as CreatedContainer;
      const next = world.another();
      const state = await next.monitors.adopt(request.containerId, created);
      if (state.phase === 'running') await until('the exit', () => next.exits.has(request.containerId));
      const exit = state.phase === 'exited' ? state.exit : next.exits.get(request.containerId);
      assert.deepEqual([exit?.code, exit?.reason], [42, 'exited']);
      assert.match(world.log(request), / stdout F last\n$/);
      await until('the monitor has left', () => !isAlive(created.monitorPid));
      await next.spawner.close();
      await undo(request);
    });
  }

  for (const [point, command] of [
    ['exec-listening', ['sleep', '5559']],
    ['exec-runtime-started', ['sleep', '5559']],
    ['exec-runtime-ended', ['sleep', '5559']],
    ['exec-started', ['sleep', '5559']],
    ['exec-ended', ['true']],
    ['exec-reporting', ['true']],
  ] as const) {
    test(`while a command runs, at ${point}: it ends with the daemon, the container does not`, async () => {
      const request = world.request(['sleep', '100000']);
      const said = await dieAt({ role: 'exec', point }, request, { start: startOf(request), exec: command });
      const created = said[0]?.['created'] as CreatedContainer;
      const directory = join(world.root, 'm', request.containerId.slice(0, 12));
      const left = () => [
        ...readdirSync(directory).filter((name) => name !== 'id' && name !== 's'),
        ...commandLines().filter((line) => line.startsWith('sleep 5559')),
      ];
      // A monitor that was ready just before the daemon died waits ten seconds for its client.
      await until('nothing of the command is left', () => left().length === 0).catch(() => {});
      assert.deepEqual(left(), []);
      const next = world.another();
      assert.equal((await next.monitors.adopt(request.containerId, created)).phase, 'running');
      next.monitors.close();
      await next.spawner.close();
      await undo(request);
    });
  }
});

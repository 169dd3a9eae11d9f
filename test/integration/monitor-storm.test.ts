// Many at once: exits, execs, logs that are rotated. Nothing is lost, mixed up or left over. The runtime is a script, so
// that the storm is the monitor's own.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { MonitorRequest } from '../../internal/monitor/monitor.ts';
import { processIds } from '../harness/proc.ts';
import {
  isAlive,
  joinLog,
  makeWorld,
  missing,
  newId,
  type Started,
  until,
  type World,
} from './monitor-fixture.ts';

const source = fileURLToPath(new URL('../../../test/native/fake-runtime.c', import.meta.url));
const never = new AbortController().signal;

describe('storms', { skip: missing() }, () => {
  let world: World;
  let runtimePath: string;
  before(() => {
    world = makeWorld();
    runtimePath = join(world.root, 'fake-runtime');
    execFileSync('cc', ['-o', runtimePath, source], { stdio: 'inherit' });
  });
  after(() => world.close());

  function request(init: string): MonitorRequest {
    const made = world.request([], { runtimePath, runtimeArgs: [] });
    writeFileSync(join(made.bundle, 'init'), init);
    return made;
  }

  async function startAll(count: number, init: (at: number) => string): Promise<Started[]> {
    const requests = Array.from({ length: count }, (_, at) => request(init(at)));
    const all = await Promise.all(
      requests.map(async (one) => ({
        id: one.containerId,
        request: one,
        created: await world.monitors.create(one),
      })),
    );
    for (const { bundle } of requests) execFileSync(runtimePath, ['start', bundle]);
    return all;
  }

  function spawnerPid(): number {
    const commands = processIds().filter((pid) => {
      try {
        const parent = /\) . (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
        return (
          Number(parent) === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('spawner')
        );
      } catch {
        return false;
      }
    });
    return commands[0] ?? 0;
  }

  const openFiles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

  function zombiesOf(parents: ReadonlySet<number>): number[] {
    return processIds().filter((pid) => {
      try {
        const [, parent] = /\) Z (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
        return parents.has(Number(parent));
      } catch {
        return false;
      }
    });
  }

  test('200 containers exit at once: every record has its code', async () => {
    const gate = join(world.root, 'gate');
    execFileSync('mkfifo', [gate]);
    const writer = openSync(gate, 'r+'); // nobody waits for the other end
    const all = await startAll(
      200,
      (at) => `exec 3< ${gate}; echo "line ${at}"; read x <&3; exit ${at % 256}`,
    );
    const spawner = spawnerPid();
    const monitors = new Set(all.map(({ created }) => created.monitorPid));
    assert.equal(monitors.size, 200);
    await until('all have written', () => all.every((one) => world.log(one.request) !== ''));
    closeSync(writer);
    for (const [at, { id, request: made }] of all.entries()) {
      assert.equal((await world.exit(id)).code, at % 256);
      const record = JSON.parse(readFileSync(join(world.root, 'exits', id), 'utf8'));
      assert.deepEqual([record.id, record.code, record.reason], [id, at % 256, 'exited']);
      assert.equal(readFileSync(join(world.root, 'codes', id), 'utf8'), String(at % 256));
      assert.equal(joinLog(world.log(made), 'stdout').toString(), `line ${at}\n`);
    }
    assert.equal(world.exits.size, 200);
    await until('all monitors have left', () => ![...monitors].some(isAlive));
    await Promise.all(all.map(({ id }) => world.monitors.remove(id)));
    assert.deepEqual(await world.monitors.list(), []);
    assert.deepEqual(readdirSync(join(world.root, 'exits')), []);
    await until('the spawner holds nothing of them', () => openFiles(spawner) <= 10);
    await until('the spawner has no zombie', () => zombiesOf(new Set([spawner])).length === 0);
  });

  test('500 execs at once: each gets its own output and code', async () => {
    const id = newId();
    mkdirSync(join(world.root, 'm', id.slice(0, 12)));
    const results = await Promise.all(
      Array.from({ length: 500 }, (_, at) =>
        world.monitors.execSync(
          {
            containerId: id,
            runtimePath,
            runtimeArgs: [],
            env: { PATH: '/usr/bin:/bin' },
            process: { args: [String(at)] },
            cgroup: undefined,
            timeoutMs: 120_000,
            maxOutputBytes: 1000,
          },
          never,
        ),
      ),
    );
    assert.deepEqual(
      results.map(({ stdout, stderr, exitCode }) => [String(stdout), String(stderr), exitCode]),
      results.map((_, at) => [`out ${at}\n`, `err ${at}\n`, at % 200]),
    );
    const spawner = spawnerPid();
    await until('no exec is left', () => readdirSync(join(world.root, 'm', id.slice(0, 12))).length === 0);
    await until('the spawner has no zombie', () => zombiesOf(new Set([spawner])).length === 0);
    await until('the spawner holds nothing of them', () => openFiles(spawner) <= 10);
    await world.monitors.remove(id);
  });

  test('50 loggers, rotated each second: no line is lost or torn', async () => {
    const over = join(world.root, 'over');
    const script = `i=0
      while [ ! -e ${over} ]; do
        end=$((i+80)); while [ $i -lt $end ]; do echo "line $i of a container that talks a lot"; i=$((i+1)); done
        sleep 0.1
      done; echo $i lines`;
    const all = await startAll(50, () => script);
    const rotated = new Map(all.map(({ id }) => [id, [] as string[]]));
    for (let turn = 0; turn < 4; turn++) {
      await Promise.all(all.map((one) => rotate(one, turn, rotated.get(one.id) ?? [])));
      await delay(1000);
    }
    writeFileSync(over, '');
    for (const { id } of all) assert.equal((await world.exit(id)).code, 0);
    for (const { id, request: made } of all) {
      const text = [...(rotated.get(id) ?? []), made.logPath ?? ''].map((path) =>
        readFileSync(path, 'latin1'),
      );
      const all = joinLog(text.join(''), 'stdout').toString();
      const count = Number(/(\d+) lines\n$/.exec(all)?.[1]);
      const expected = Array.from(
        { length: count },
        (_, at) => `line ${at} of a container that talks a lot\n`,
      );
      assert.equal(all, `${expected.join('')}${count} lines\n`);
    }
    await Promise.all(all.map(({ id }) => world.monitors.remove(id)));
  });

  /** As the kubelet does it. */
  async function rotate({ id, request: made }: Started, turn: number, done: string[]): Promise<void> {
    const path = made.logPath ?? '';
    renameSync(path, `${path}.${turn}`);
    await world.monitors.reopenLog(id);
    done.push(`${path}.${turn}`);
  }
});

// A running monitor becomes another program: the container does not notice.

import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ControlConnection } from '../../internal/monitor/control-connection.ts';
import { frameType } from '../../internal/monitor/frames.ts';
import { isSanitized, monitorPath } from '../harness/monitor-build.ts';
import { ownKiB } from '../harness/proc.ts';
import { patienceMs } from '../harness/until.ts';
import { RawClient } from './monitor-client.ts';
import {
  isAlive,
  joinLog,
  makeGate,
  makeWorld,
  missing,
  type Started,
  until,
  type World,
} from './monitor-fixture.ts';

const states = { stateMin: 1, stateMax: 1 };

describe('a monitor that becomes another program', { skip: missing() }, () => {
  let world: World;
  let folder: string;
  /** The same program at two places. */
  let programs: readonly [string, string];
  before(() => {
    world = makeWorld();
    folder = mkdtempSync(join(tmpdir(), 'cria-reexec-'));
    programs = [join(folder, 'a'), join(folder, 'b')];
    for (const path of programs) copyFileSync(monitorPath, path);
  });
  after(async () => {
    await world.close();
    rmSync(folder, { recursive: true });
  });

  async function connect(id: string): Promise<ControlConnection> {
    return ControlConnection.open(join(world.root, 'm', id.slice(0, 12), 's'), () => {});
  }

  function text({ request }: Started): string {
    return joinLog(world.log(request), 'stdout').toString();
  }

  test('fifty times under load: the log is byte for byte what was written, the exit code is right', async () => {
    // Lines of all lengths around a piece of the log, without pause.
    const script = `BEGIN { for (n = 0; n < 60; n++) s = s "0123456789"; for (i = 0; i < 30; i++) long = long s
      while (i++ < 60000) print i, substr(long, 1, i % 97 == 0 ? 16000 + i % 700 : i % 600) }`;
    const gate = makeGate(world);
    const started = await world.create(['sh', '-c', `awk '${script}'; ${gate.wait}; exit 7`]);
    const { id, created } = started;
    const connection = await connect(id);
    world.start(id);
    for (let at = 0; at < 50; at++) {
      const path = programs[at % 2];
      // It answers when its log is written: on a busy disk that takes longer than a daemon waits.
      await connection.request('reexec', { path, ...states }, patienceMs);
      assert.equal(readlinkSync(`/proc/${created.monitorPid}/exe`), path);
    }
    connection.close();
    assert.ok(isAlive(created.pid));
    gate.open();
    assert.equal((await world.exit(id)).code, 7);
    const s = '0123456789'.repeat(1800);
    const expected = Array.from({ length: 60_000 - 30 }, (_, at) => {
      const i = at + 31;
      return `${i} ${s.slice(0, i % 97 === 0 ? 16000 + (i % 700) : i % 600)}\n`;
    }).join('');
    assert.ok(text(started) === expected, 'the log is another');
    await until('the monitor has left', () => !isAlive(created.monitorPid));
  });

  test('while the container ends: no exit code is lost', async () => {
    for (let at = 0; at < 25; at++) {
      const started = await world.create(['sh', '-c', 'read x; echo end; exit 11'], {
        stdin: true,
        stdinOnce: true,
      });
      const { id, created } = started;
      const connection = await connect(id);
      world.start(id);
      const client = await RawClient.attach(world, id);
      client.socket.end();
      await sleep(at / 5);
      // Refused, done, or cut short by the end of the monitor.
      await connection.request('reexec', { path: programs[0], ...states }).catch(() => {});
      connection.close();
      assert.equal((await world.exit(id)).code, 11);
      assert.equal(text(started), 'end\n');
      await until('the monitor has left', () => !isAlive(created.monitorPid));
    }
  });

  test('a line that has no end yet, a terminal, signals, stdin and a reopened log go on', async () => {
    const script =
      'printf "be"; read l; printf "fo%s\\n" "$l"; trap "echo term; exit 5" TERM; echo set; while true; do sleep 0.01; done';
    for (const terminal of [false, true]) {
      const started = await world.create(['sh', '-c', script], { stdin: true, terminal });
      const { id, created } = started;
      const connection = await connect(id);
      const fds = (): number => readdirSync(`/proc/${created.monitorPid}/fd`).length;
      world.start(id);
      await until('it has begun', () => world.log(started.request).endsWith(' P be\n'));
      const open = fds();
      for (const path of programs) await connection.request('reexec', { path, ...states });
      await until('it has the same open', () => fds() === open);
      const client = await RawClient.attach(world, id);
      await client.write(Buffer.from('re\n'));
      await until('the trap is set', () => client.text(frameType.stdout).includes('set'));
      client.socket.destroy();
      await world.monitors.reopenLog(id);
      await world.monitors.signal(id, 15);
      assert.equal((await world.exit(id)).code, 5);
      const echo = terminal ? 're\r\n' : '';
      const [end] = terminal ? ['\r\n'] : ['\n'];
      assert.equal(text(started), `be${echo}fore${end}set${end}term${end}`);
      connection.close();
    }
  });

  test('what cannot be is refused, and the monitor goes on as it was', async () => {
    const started = await world.create([
      'sh',
      '-c',
      'while [ ! -e /proc/1/x ]; do echo tick; sleep 0.02; done',
    ]);
    const { id, created } = started;
    world.start(id);
    const connection = await connect(id);
    const open = readdirSync(`/proc/${created.monitorPid}/fd`).length;
    const copy = (name: string): string => {
      const path = join(folder, name);
      copyFileSync(monitorPath, path);
      return path;
    };
    const writable = copy('writable');
    chmodSync(writable, 0o777);
    const foreign = copy('foreign');
    chownSync(foreign, 65534, 65534);
    const plain = copy('plain');
    chmodSync(plain, 0o644);
    const text = join(folder, 'text');
    writeFileSync(text, 'no program', { mode: 0o755 });
    const refused: readonly [object, RegExp][] = [
      [{ path: 'relative', ...states }, /not absolute/],
      [{ ...states }, /not absolute/],
      [{ path: join(folder, 'absent'), ...states }, /No such file/],
      [{ path: folder, ...states }, /must be root's/],
      [{ path: writable, ...states }, /must be root's/],
      [{ path: foreign, ...states }, /must be root's/],
      [{ path: plain, ...states }, /must be root's/],
      [{ path: text, ...states }, /[Ee]xec format error/],
      [{ path: programs[0], stateMin: 2, stateMax: 9 }, /state of this version/],
      [{ path: programs[0] }, /state of this version/],
    ];
    for (const [fields, expected] of refused)
      await assert.rejects(connection.request('reexec', fields), expected);
    const client = await RawClient.attach(world, id);
    await assert.rejects(
      connection.request('reexec', { path: programs[0], ...states }),
      /a client is attached/,
    );
    client.socket.destroy();
    assert.equal(readlinkSync(`/proc/${created.monitorPid}/exe`), monitorPath);
    await until('nothing is left open', () => readdirSync(`/proc/${created.monitorPid}/fd`).length === open);
    const flags = readdirSync(`/proc/${created.monitorPid}/fdinfo`)
      .filter((fd) => Number(fd) > 2)
      .map((fd) => readFileSync(`/proc/${created.monitorPid}/fdinfo/${fd}`, 'utf8'));
    const closeOnExec = 0o2000000;
    for (const info of flags)
      assert.ok((Number.parseInt(/^flags:\s+(\d+)/m.exec(info)?.[1] ?? '', 8) & closeOnExec) !== 0, info);
    await world.monitors.signal(id, 9);
    assert.equal((await world.exit(id)).code, 137);
    await until('it has left', () => !isAlive(created.monitorPid));
    connection.close();
  });

  test('when the new program cannot go on, another monitor does', async () => {
    const bad = join(folder, 'bad');
    symlinkSync('/bin/true', bad);
    const [during, after] = [makeGate(world), makeGate(world)];
    const part = 'end=$((i+20)); while [ $i -lt $end ]; do i=$((i+1)); echo $i; done';
    const script = `i=0; ${part}; ${during.wait}; ${part}; ${after.wait}; ${part}; exit 3`;
    const started = await world.create(['sh', '-c', script]);
    world.start(started.id);
    await until('it writes', () => world.log(started.request).endsWith(' 20\n'));
    const connection = await connect(started.id);
    during.open();
    await assert.rejects(connection.request('reexec', { path: bad, ...states }));
    after.open();
    assert.equal((await world.exit(started.id)).code, 3);
    assert.equal(text(started), Array.from({ length: 60 }, (_, at) => `${at + 1}\n`).join(''));
  });

  test('killed after it: replaced as before; and it is as small as before', async () => {
    const gate = makeGate(world);
    const started = await world.create(['sh', '-c', `${gate.wait}; echo end; exit 4`]);
    const { id, created } = started;
    world.start(id);
    const connection = await connect(id);
    for (const path of programs) await connection.request('reexec', { path, ...states });
    connection.close();
    const kiB = () => ownKiB(created.monitorPid);
    if (!isSanitized)
      await until(
        () => `the memory is given back: ${kiB()} KiB`,
        () => kiB() <= 64,
      );
    process.kill(created.monitorPid, 'SIGKILL');
    gate.open();
    assert.equal((await world.exit(id)).code, 4);
    assert.equal(text(started), 'end\n');
  });
});

describe('a daemon of another version', { skip: missing() }, () => {
  test('renews the monitors that it finds', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cria-renew-'));
    const older = join(folder, 'older');
    const program = readFileSync(monitorPath, 'latin1').replaceAll(/0\.1\.0(?=\0)/g, '0.0.9');
    writeFileSync(older, Buffer.from(program, 'latin1'), { mode: 0o755 });
    const world = makeWorld(older);
    const gate = makeGate(world);
    const script = `seq 50; ${gate.wait}; seq 51 100; exit 6`;
    try {
      const all = await Promise.all([1, 2, 3].map(() => world.create(['sh', '-c', script])));
      for (const { id } of all) world.start(id);
      world.monitors.close();
      await world.spawner.close();
      const next = world.another(monitorPath);
      for (const { id, created } of all) await next.monitors.adopt(id, created);
      for (const { created } of all)
        await until('it is renewed', () => readlinkSync(`/proc/${created.monitorPid}/exe`) === monitorPath);
      gate.open();
      for (const { id, request } of all) {
        await until('the exit', () => next.exits.has(id));
        assert.equal(next.exits.get(id)?.code, 6);
        const expected = Array.from({ length: 100 }, (_, at) => `${at + 1}\n`).join('');
        assert.equal(joinLog(world.log(request), 'stdout').toString(), expected);
        await next.monitors.remove(id);
      }
      await next.spawner.close();
    } finally {
      await world.close();
      rmSync(folder, { recursive: true });
    }
  });
});

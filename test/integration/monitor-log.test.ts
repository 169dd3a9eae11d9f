// What a container writes reaches its log whole, whatever its form, and a full disk harms only what did not fit.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { joinLog, makeWorld, missing, until, type World } from './monitor-fixture.ts';

describe('the container log', { skip: missing() }, () => {
  let world: World;
  before(() => {
    world = makeWorld();
  });
  after(() => world.close());

  function putInRootfs(name: string, data: Buffer): void {
    writeFileSync(join(world.root, 'rootfs', name), data);
  }

  const contents: readonly (readonly [string, () => Buffer])[] = [
    ['random bytes', () => randomBytes(8 << 20)],
    ['short lines', () => Buffer.from('0123456789\n'.repeat(500_000))],
    ['only newlines', () => Buffer.alloc(300_000, '\n')],
    ['one line of 5 MB without an end', () => Buffer.alloc(5_000_000, 'x')],
    [
      'lines of exactly a piece and one more',
      () => Buffer.from([16383, 16384, 16385, 32768, 32769].map((n) => `${'y'.repeat(n)}\n`).join('')),
    ],
    ['nothing', () => Buffer.alloc(0)],
  ];
  for (const [name, make] of contents) {
    test(`${name}: joined it is what was written`, async () => {
      const data = make();
      putInRootfs('data', data);
      const { request } = await world.run(['cat', '/data']);
      assert.ok(joinLog(world.log(request), 'stdout').equals(data));
    });
  }

  test('both streams, interleaved byte by byte', async () => {
    const script = 'for i in $(seq 400); do printf a$i; printf b$i >&2; done; echo; echo >&2';
    const { request } = await world.run(['sh', '-c', script]);
    const expected = (letter: string) =>
      `${Array.from({ length: 400 }, (_, at) => `${letter}${at + 1}`).join('')}\n`;
    assert.equal(joinLog(world.log(request), 'stdout').toString(), expected('a'));
    assert.equal(joinLog(world.log(request), 'stderr').toString(), expected('b'));
  });

  test('a line without an end is there after a moment, marked partial', async () => {
    const { id, request } = await world.create(['sh', '-c', 'printf prompt; sleep 1000']);
    world.start(id);
    await until('the prompt', () => / stdout P prompt\n$/.test(world.log(request)));
    await world.monitors.remove(id);
  });

  test('rotation under load loses nothing', async () => {
    const { id, request } = await world.create([
      'sh',
      '-c',
      'i=0; while [ $i -lt 40000 ]; do echo line $i; i=$((i+1)); done',
    ]);
    const logPath = request.logPath ?? '';
    world.start(id);
    let text = '';
    for (let turn = 0; turn < 5; turn++) {
      await delay(30);
      renameSync(logPath, `${logPath}.${turn}`);
      await world.monitors.reopenLog(id).catch((cause: Error) => assert.match(cause.message, /gone|ended/));
      const rotated = readFileSync(`${logPath}.${turn}`, 'latin1');
      text += rotated;
      if (!existsSync(logPath)) break;
    }
    await world.exit(id);
    if (existsSync(logPath)) text += world.log(request);
    const expected = Array.from({ length: 40_000 }, (_, at) => `line ${at}\n`).join('');
    assert.equal(joinLog(text, 'stdout').toString(), expected);
  });

  test('a reopen that fails keeps the old file', async () => {
    const folder = join(world.root, 'logs', 'gone');
    mkdirSync(folder);
    const logPath = join(folder, 'log');
    const { id } = await world.create(['sh', '-c', 'while true; do echo line; sleep 0.02; done'], {
      logPath,
    });
    world.start(id);
    renameSync(folder, `${folder}.moved`);
    await assert.rejects(world.monitors.reopenLog(id), /No such file/);
    const moved = join(`${folder}.moved`, 'log');
    const size = readFileSync(moved).length;
    await until('the old file grows', () => readFileSync(moved).length > size);
    await world.monitors.remove(id);
  });

  test('a full disk: no torn record, the container goes on, the gap is marked', async () => {
    const folder = join(world.root, 'small');
    mkdirSync(folder);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]);
    try {
      const script = `trap 'echo after; exit 9' USR1
        i=0; while [ $i -lt 8000 ]; do echo $i ${'x'.repeat(90)}; i=$((i+1)); done; echo full > /tmp/full
        while true; do sleep 0.02; done`;
      const request = world.request(['sh', '-c', script], { logPath: join(folder, 'log') });
      await world.monitors.create(request);
      const id = request.containerId;
      world.start(id);
      await until('the disk is full', () => readFileSync(join(folder, 'log')).length > 200_000);
      await delay(600);
      const before = world.log(request);
      assert.ok(before.endsWith('\n'));
      joinLog(before, 'stdout');
      execFileSync('mount', ['-o', 'remount,size=8m', folder]);
      await world.monitors.signal(id, 10);
      assert.equal((await world.exit(id)).code, 9);
      const text = world.log(request);
      assert.ok(joinLog(text, 'stdout').toString().endsWith('after\n'));
      assert.match(
        joinLog(text, 'stderr').toString(),
        /^\[cria: \d+ bytes of output lost: No space left on device\]\n$/,
      );
      const record = JSON.parse(readFileSync(join(world.root, 'exits', id), 'utf8'));
      assert.ok(Number(record.logDroppedBytes) > 100_000);
    } finally {
      execFileSync('umount', ['-l', folder]);
    }
  });

  test('without a log path the output is discarded', async () => {
    const { exit } = await world.run(['sh', '-c', 'head -c 3000000 /dev/zero; exit 4'], {
      logPath: undefined,
    });
    assert.equal(exit.code, 4);
  });
});

// What a container writes reaches its log whole, whatever its form, in records that the kubelet can join.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { joinLog, makeGate, missing, until, useWorld } from './monitor-fixture.ts';

describe('the container log', { skip: missing() }, () => {
  const world = useWorld();

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

  test('a line that grows slowly is seen while it grows', async () => {
    const gates = [0, 1, 2, 3].map(() => makeGate(world));
    const script = gates.map(({ wait }, at) => `printf ${at}; ${wait}; `).join('');
    const { id, request } = await world.create(['sh', '-c', `${script} echo end`]);
    world.start(id);
    for (const [at, gate] of gates.entries()) {
      await until('the next piece', () => world.log(request).endsWith(` stdout P ${at}\n`));
      gate.open();
    }
    await world.exit(id);
    assert.equal(joinLog(world.log(request), 'stdout').toString(), '0123end\n');
  });

  test('a record holds at most 16384 bytes, and only the last of a line is F', async () => {
    const script = "head -c 40000 /dev/zero | tr '\\0' x; echo; head -c 16384 /dev/zero | tr '\\0' y; echo";
    const { request } = await world.run(['sh', '-c', script]);
    const records = world.log(request).trimEnd().split('\n');
    const forms = records.map((record) => record.slice(38).replace(/ .*/, (text) => ` ${text.length - 1}`));
    assert.deepEqual(forms, ['P 16384', 'P 16384', 'F 7232', 'F 16384']);
  });

  test('bytes stay what they are: carriage returns, NUL, what is no UTF-8', async () => {
    putInRootfs('data', Buffer.from('\r\n\0\n\xff\xc3\n\x1b[m', 'latin1'));
    const { request } = await world.run(['cat', '/data']);
    const records = world.log(request).split('\n');
    const contents = records.map((record) => record.slice('2026-11-21T03:13:38.123456789Z stdout '.length));
    assert.deepEqual(contents, ['F \r', 'F \0', 'F \xff\xc3', 'P \x1b[m', '']);
  });

  test('records are in the order of time', async () => {
    const { request } = await world.run(['sh', '-c', 'for i in $(seq 3000); do echo $i; echo $i >&2; done']);
    const times = world
      .log(request)
      .trimEnd()
      .split('\n')
      .map((record) => record.slice(0, 30));
    assert.equal(times.length, 6000);
    assert.deepEqual(times, times.toSorted());
  });

  test('a log that ends inside a record gets no record glued to it', async () => {
    const request = world.request(['echo', 'mine']);
    writeFileSync(request.logPath ?? '', '2026-01-01T00:00:00.000000000Z stdout F tor');
    await world.monitors.create(request);
    world.start(request.containerId);
    await world.exit(request.containerId);
    assert.match(world.log(request), /^[^\n]* stdout F tor\n[^\n]* stdout F mine\n$/);
  });

  test('without a log path the output is discarded', async () => {
    const { exit } = await world.run(['sh', '-c', 'head -c 3000000 /dev/zero; exit 4'], {
      logPath: undefined,
    });
    assert.equal(exit.code, 4);
  });
});

// The log under a kubelet that rotates it, an administrator who moves it away, and a limit of its size.

import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Gate, joinLog, makeGate, missing, stdoutIn, until, useWorld } from './monitor-fixture.ts';

const lineCount = 40_000;
const writeLines = ['sh', '-c', `i=0; while [ $i -lt ${lineCount} ]; do echo line $i; i=$((i+1)); done`];
const linesUpTo = (count: number): string =>
  Array.from({ length: count }, (_, at) => `line ${at}\n`).join('');
const allLines = linesUpTo(lineCount);
/** Lines without pause until the gate is open; the last one says how many there were. */
const linesUntil = (gate: Gate): string[] => [
  'sh',
  '-c',
  `i=0; while ${gate.isShut}; do
    end=$((i+100)); while [ $i -lt $end ]; do echo line $i; i=$((i+1)); done
  done; echo $i lines`,
];
/** A line whenever it gets SIGUSR1, and the end with SIGTERM. */
const onSignal = [
  'sh',
  '-c',
  'n=0; trap "echo end; exit 0" TERM; trap "n=\\$((n+1)); echo line \\$n" USR1; echo ready; while true; do sleep 0.01; done',
];
const sigusr1 = 10;

describe('rotation of the container log', { skip: missing() }, () => {
  const world = useWorld();

  const text = (path: string) => readFileSync(path, 'latin1');

  async function started(
    argv: readonly string[],
    logPath: string,
    logSizeMaxBytes?: number,
  ): Promise<string> {
    const { id } = await world.create(argv, { logPath, logSizeMaxBytes });
    world.start(id);
    return id;
  }

  function logPath(name: string): string {
    mkdirSync(join(world.root, 'logs', name));
    return join(world.root, 'logs', name, '0.log');
  }

  test('by rename and reopen under load: every line, in order, once', async () => {
    const path = logPath('load');
    const gate = makeGate(world);
    const id = await started(linesUntil(gate), path);
    const rotated: string[] = [];
    while (rotated.length < 20) {
      await delay(20);
      const old = `${path}.${rotated.length}`;
      renameSync(path, old);
      rotated.push(old);
      await world.monitors.reopenLog(id);
    }
    gate.open();
    await world.exit(id);
    const files = [...rotated, path];
    for (const file of files) assert.ok(text(file) === '' || text(file).endsWith('\n'));
    const all = joinLog(files.map(text).join(''), 'stdout').toString();
    const count = Number(/(\d+) lines\n$/.exec(all)?.[1]);
    assert.ok(all === `${linesUpTo(count)}${count} lines\n`, 'a line is missing, or at another place');
  });

  test('a storm of reopens without a rename changes nothing', async () => {
    const path = logPath('storm');
    const id = await started(writeLines, path);
    const answers: Promise<string>[] = [];
    for (let n = 0; n < 300 && !world.exits.has(id); n++) {
      const answer = world.monitors.reopenLog(id);
      answers.push(
        answer.then(
          () => 'done',
          (cause: Error) => cause.message,
        ),
      );
      if (n % 30 === 0) await delay(1);
    }
    await world.exit(id);
    for (const answer of await Promise.all(answers)) assert.match(answer, /^done$|gone|ended/);
    assert.equal(stdoutIn(path), allLines);
  });

  test('the answer to a reopen comes after the change: nothing goes to the old file any more', async () => {
    const path = logPath('answer');
    const id = await started(onSignal, path);
    await until('the first line', () => stdoutIn(path) === 'ready\n');
    for (let turn = 1; turn <= 5; turn++) {
      const old = `${path}.${turn}`;
      renameSync(path, old);
      const before = text(old);
      await world.monitors.reopenLog(id);
      assert.equal(text(path), '');
      await world.monitors.signal(id, sigusr1);
      await until('the line in the new file', () => stdoutIn(path) === `line ${turn}\n`);
      assert.equal(text(old), before);
    }
    await world.monitors.remove(id);
  });

  test('a reopen that fails keeps the old file', async () => {
    const path = logPath('gone');
    const id = await started(onSignal, path);
    await until('the first line', () => stdoutIn(path) === 'ready\n');
    renameSync(join(path, '..'), join(world.root, 'logs', 'moved'));
    await assert.rejects(world.monitors.reopenLog(id), /No such file/);
    await world.monitors.signal(id, sigusr1);
    await until('the line', () => stdoutIn(join(world.root, 'logs/moved/0.log')) === 'ready\nline 1\n');
    await world.monitors.remove(id);
  });

  const disturbances: readonly (readonly [string, (path: string) => void])[] = [
    ['moved away', (path) => renameSync(path, `${path}.moved`)],
    ['deleted', (path) => unlinkSync(path)],
    [
      'replaced by another file',
      (path) => {
        writeFileSync(`${path}.new`, '');
        renameSync(`${path}.new`, path);
      },
    ],
  ];
  for (const [name, disturb] of disturbances) {
    test(`${name} without a word: the next lines are at the path again`, async () => {
      const path = logPath(name.replaceAll(' ', '-'));
      const id = await started(['sh', '-c', 'while true; do echo line; sleep 0.02; done'], path);
      await until('the first line', () => text(path) !== '');
      disturb(path);
      await until('a line in the new file', () => existsSync(path) && stdoutIn(path).startsWith('line\n'));
      await world.monitors.remove(id);
    });
  }

  test('a limit of the size: the file and one older one, no record is split, none is missing between', async () => {
    const path = logPath('limit');
    const limit = 65_536;
    const id = await started(writeLines, path, limit);
    await world.exit(id);
    for (const file of [path, `${path}.1`]) assert.ok(statSync(file).size <= limit);
    assert.ok(statSync(`${path}.1`).size > limit - 100);
    assert.equal(existsSync(`${path}.2`), false);
    const kept = stdoutIn(`${path}.1`) + stdoutIn(path);
    assert.ok(kept.length > 0 && allLines.endsWith(kept));
  });

  test('while a limit puts files aside there is one at the path at any time', async () => {
    const path = logPath('always');
    const id = await started(writeLines, path, 4096);
    let looks = 0;
    while (!world.exits.has(id)) {
      for (let n = 0; n < 2000; n++) assert.ok(existsSync(path), `no file after ${looks + n} looks`);
      looks += 2000;
      await delay(0);
    }
    assert.equal(existsSync(`${path}.1`), true);
    assert.equal(existsSync(`${path}.tmp`), false);
    await world.exit(id);
  });

  test('records longer than the limit get a file each', async () => {
    const path = logPath('long');
    const script = "for i in 1 2 3; do head -c 12000 /dev/zero | tr '\\0' $i; echo; done";
    const id = await started(['sh', '-c', script], path, 8192);
    await world.exit(id);
    assert.equal(stdoutIn(`${path}.1`), `${'2'.repeat(12_000)}\n`);
    assert.equal(stdoutIn(path), `${'3'.repeat(12_000)}\n`);
  });

  test('where the file cannot be put aside it grows', async () => {
    const path = logPath('stuck');
    mkdirSync(join(`${path}.1`, 'in the way'), { recursive: true });
    const id = await started(writeLines, path, 8192);
    await world.exit(id);
    assert.equal(stdoutIn(path), allLines);
  });

  test('the limit and the rotation of a kubelet do not harm each other', async () => {
    const path = logPath('both');
    const gate = makeGate(world);
    const id = await started(linesUntil(gate), path, 100_000);
    const rotated: string[] = [];
    while (rotated.length < 20) {
      await delay(10);
      const old = `${path}.kubelet-${rotated.length}`;
      renameSync(path, old);
      rotated.push(old);
      await world.monitors.reopenLog(id);
    }
    gate.open();
    await world.exit(id);
    const count = Number(/(\d+) lines\n$/.exec(stdoutIn(path))?.[1]);
    for (const file of rotated) assert.ok(linesUpTo(count).includes(stdoutIn(file)));
  });
});

// Disks that refuse the container's log: the container goes on, no record is torn, and the log says what is missing.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { joinLog, missing, stateOf, stdoutIn, until, useWorld } from './monitor-fixture.ts';

const sigusr1 = 10;
const lineCount = 8_000;
const padding = 'x'.repeat(90);
const line = (n: number) => `${n} ${padding}\n`;
const whole = Array.from({ length: lineCount }, (_, n) => line(n)).join('');
/** Many lines; after SIGUSR1 a last one and exit code 9. */
const writeMuch = [
  'sh',
  '-c',
  `trap stop=1 USR1; i=0; while [ $i -lt ${lineCount} ]; do echo $i ${padding}; i=$((i+1)); done
   while [ -z "$stop" ]; do sleep 0.02; done; echo after; exit 9`,
];
const tick = [
  'sh',
  '-c',
  "trap 'exit 9' USR1; n=0; while true; do echo tick $n; n=$((n+1)); sleep 0.02; done",
];

function quotaTmpfs(): string | false {
  const folder = join('/tmp', `cria-quota-${process.pid}`);
  if (process.getuid?.() !== 0) return 'needs root';
  mkdirSync(folder);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'usrquota', 'tmpfs', folder], { stdio: 'pipe' });
    execFileSync('umount', [folder]);
    return false;
  } catch {
    return 'needs a kernel with quota for tmpfs';
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('the container log on a disk that refuses it', { skip: missing() }, () => {
  const world = useWorld();

  const text = (path: string) => readFileSync(path, 'latin1');

  /** Calls `body` with a folder that has another file system mounted, and unmounts it. */
  async function mounted(argv: readonly string[], body: (folder: string) => Promise<void>): Promise<void> {
    const folder = join(world.root, `disk-${Math.random().toString(36).slice(2)}`);
    mkdirSync(folder);
    execFileSync('mount', [...argv, folder]);
    try {
      await body(folder);
    } finally {
      execFileSync('umount', ['-l', folder]);
    }
  }

  async function started(argv: readonly string[], logPath: string): Promise<string> {
    const { id } = await world.create(argv, { logPath });
    world.start(id);
    return id;
  }

  function droppedBytes(id: string): number {
    return Number(JSON.parse(readFileSync(join(world.root, 'exits', id), 'utf8')).logDroppedBytes);
  }

  /** Fails unless the log is a beginning of what was written, the marker of the gap, and an end; returns the gap. */
  function gapIn(path: string, error: string): number {
    const marks = joinLog(text(path), 'stderr').toString();
    const match = /^\[cria: (\d+) bytes of output lost: (.*)\]\n$/.exec(marks);
    assert.equal(match?.[2], error, marks);
    return Number(match?.[1]);
  }

  async function fillAndRecover(folder: string, makeRoom: () => void, error: string): Promise<void> {
    const path = join(folder, 'log');
    const id = await started(writeMuch, path);
    const written = () => (existsSync(path) ? statSync(path).size : 0);
    await until('the disk is full', () => written() > 200_000);
    const lost = async (): Promise<number> => Number((await stateOf(world, id))['logDroppedBytes']);
    await until(
      'the container has written all',
      async () => (await lost()) === whole.length - stdoutIn(path).length,
    );
    const before = joinLog(text(path), 'stdout').toString(); // throws on a torn record
    await delay(500); // until it tries the disk again
    assert.ok(whole.startsWith(before) && before.length < whole.length);
    makeRoom();
    await world.monitors.signal(id, sigusr1);
    assert.equal((await world.exit(id)).code, 9);
    assert.equal(stdoutIn(path), `${before}after\n`);
    assert.equal(gapIn(path, error), whole.length - before.length);
    assert.equal(droppedBytes(id), whole.length - before.length);
  }

  test('a full disk: the gap is counted to the byte, and the log goes on when there is room', async () => {
    await mounted(['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs'], (folder) =>
      fillAndRecover(
        folder,
        () => execFileSync('mount', ['-o', 'remount,size=8m', folder]),
        'No space left on device',
      ),
    );
  });

  const needsQuota = quotaTmpfs();
  test('a quota that is used up', { skip: needsQuota }, async () => {
    const options = 'usrquota,usrquota_block_hardlimit=256k,size=64m';
    await mounted(['-t', 'tmpfs', '-o', options, 'tmpfs'], (folder) =>
      fillAndRecover(
        folder,
        () => execFileSync('setquota', ['-u', 'root', '0', '8192', '0', '0', folder]),
        'Disk quota exceeded',
      ),
    );
  });

  test('a limit of the file size that the administrator gave the monitor', async () => {
    const folder = join(world.root, 'limited');
    mkdirSync(folder);
    const path = join(folder, 'log');
    const { id, created } = await world.create(writeMuch, { logPath: path });
    execFileSync('prlimit', [`--pid=${created.monitorPid}`, '--fsize=100000:unlimited']);
    world.start(id);
    await until('the log is full', () => existsSync(path) && statSync(path).size > 99_000);
    execFileSync('prlimit', [`--pid=${created.monitorPid}`, '--fsize=unlimited:unlimited']);
    renameSync(path, `${path}.old`);
    await world.monitors.reopenLog(id);
    await world.monitors.signal(id, sigusr1);
    assert.equal((await world.exit(id)).code, 9);
    assert.ok(stdoutIn(path).endsWith('after\n'));
    const logged = stdoutIn(`${path}.old`).length + stdoutIn(path).length;
    assert.equal(logged + droppedBytes(id), whole.length + 'after\n'.length);
  });

  test('a full disk that stays full: the exit is recorded and tells how much is missing', async () => {
    await mounted(['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs'], async (folder) => {
      const path = join(folder, 'log');
      const argv = ['sh', '-c', `${writeMuch[2]?.split('done')[0]} done; exit 3`];
      const { id, exit } = await world.run(argv, { logPath: path });
      assert.equal(exit.code, 3);
      assert.equal(droppedBytes(id), whole.length - stdoutIn(path).length);
    });
  });

  test('a file system that becomes read-only: the log goes on at the path as soon as it takes files', async () => {
    const image = join(world.root, 'ext4.img');
    execFileSync('truncate', ['-s', '16M', image]);
    execFileSync('mkfs.ext4', ['-q', image]);
    const folder = join(world.root, 'read-only');
    const path = join(folder, 'log');
    mkdirSync(folder);
    execFileSync('mount', ['-o', 'loop,errors=remount-ro', image, folder]);
    let isMounted = true;
    try {
      const id = await started(tick, path);
      await until('ticks', () => text(path) !== '');
      const device = execFileSync('findmnt', ['-no', 'SOURCE', folder], { encoding: 'utf8' }).trim();
      writeFileSync(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, 'test');
      await until('the file does not grow', async () => {
        const size = statSync(path).size;
        await delay(200);
        return statSync(path).size === size;
      });
      const before = stdoutIn(path);
      await assert.rejects(world.monitors.reopenLog(id), /Read-only file system/);
      execFileSync('umount', ['-l', folder]);
      isMounted = false;
      await until('a new file at the path', () => existsSync(path) && stdoutIn(path).includes('tick'));
      const [last, next] = [before, stdoutIn(path)].map((ticks) => ticks.trimEnd().split('\n'));
      const [from, to] = [last?.at(-1), next?.[0]].map((tick) => Number(tick?.slice('tick '.length)));
      let lost = 0;
      for (let n = (from ?? 0) + 1; n < (to ?? 0); n++) lost += `tick ${n}\n`.length;
      assert.equal(gapIn(path, 'Read-only file system'), lost);
      await world.monitors.signal(id, sigusr1);
      assert.equal((await world.exit(id)).code, 9);
    } finally {
      if (isMounted) execFileSync('umount', ['-l', folder]);
    }
  });

  test('a log directory that is deleted: the container goes on, and the log when there is one again', async () => {
    const folder = join(world.root, 'deleted');
    mkdirSync(folder);
    const path = join(folder, 'log');
    const id = await started(tick, path);
    await until('ticks', () => text(path) !== '');
    rmSync(folder, { recursive: true });
    await delay(1_200); // long enough for it to look for the file and find no directory
    mkdirSync(folder);
    await until('ticks in the new directory', () => existsSync(path) && stdoutIn(path).startsWith('tick'));
    await world.monitors.signal(id, sigusr1);
    assert.equal((await world.exit(id)).code, 9);
    assert.ok(text(path).endsWith('\n'));
  });
});

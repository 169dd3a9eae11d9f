import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { deleteExitRecord, parseExit, readExitCodeFile, readExitRecord } from './exit-record.ts';
import { fromWaitStatus } from './kernel-exit.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cria-exit-'));
});
after(() => rm(folder, { recursive: true }));

const valid = {
  version: 1,
  code: 137,
  signal: 9,
  oom: true,
  finishedAt: '1700000000123456789',
  logDroppedBytes: '582240',
  reason: 'exited',
};

test('a record is read with all its digits', async () => {
  const path = join(folder, 'a');
  await writeFile(path, JSON.stringify(valid));
  assert.deepEqual(await readExitRecord(path), {
    code: 137,
    signal: 9,
    oom: true,
    finishedAtNanos: 1700000000123456789n,
    logDroppedBytes: 582_240,
    reason: 'exited',
  });
});

test('no record, or one that a loss of power tore, is none', async () => {
  const path = join(folder, 'b');
  assert.equal(await readExitRecord(path), undefined);
  for (const text of [
    '',
    '\0'.repeat(4096),
    '{"version":1',
    '[]',
    '{"version":2,"code":0,"finishedAt":"1"}',
  ]) {
    await writeFile(path, text);
    assert.equal(await readExitRecord(path), undefined, text);
  }
});

test('an exit with an impossible code or time is refused', () => {
  for (const wrong of [{ code: 256 }, { code: -1 }, { code: '0' }, { finishedAt: 5 }, { finishedAt: '-5' }])
    assert.equal(parseExit({ ...valid, ...wrong }), undefined);
});

test('a code file: the time of the file is the time of the exit', async () => {
  const path = join(folder, 'c');
  await writeFile(path, '143');
  await utimes(path, 1_700_000_000, 1_700_000_000);
  const exit = await readExitCodeFile(path);
  assert.deepEqual([exit?.code, exit?.signal, exit?.finishedAtNanos], [143, 15, 1_700_000_000_000_000_000n]);
  await writeFile(path, '300');
  assert.equal(await readExitCodeFile(path), undefined);
});

test('deleting takes the unfinished file along and may be repeated', async () => {
  await writeFile(join(folder, 'd'), '');
  await writeFile(join(folder, '.d.tmp'), '');
  await deleteExitRecord(join(folder, 'd'), 'd');
  await deleteExitRecord(join(folder, 'd'), 'd');
  assert.ok((await readdir(folder)).every((name) => !name.includes('d')));
});

test('a wait status is code or signal', () => {
  const exit = { oom: false, finishedAtNanos: 1n, logDroppedBytes: 0, reason: 'exited' };
  assert.deepEqual(fromWaitStatus(7 << 8, 1n), { code: 7, signal: undefined, ...exit });
  assert.deepEqual(fromWaitStatus(9, 1n), { code: 137, signal: 9, ...exit });
  assert.deepEqual(fromWaitStatus(11 | 0x80, 1n), { code: 139, signal: 11, ...exit });
});

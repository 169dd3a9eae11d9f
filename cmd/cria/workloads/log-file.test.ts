import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { LogFile } from './log-file.ts';
import { parseLogRecord } from './log-record.ts';

const root = mkdtempSync(join(tmpdir(), 'cria-log-file-'));
after(() => rmSync(root, { recursive: true }));

let files = 0;
function logPath(content: string): string {
  files += 1;
  const path = join(root, `${files}.log`);
  writeFileSync(path, content);
  return path;
}

const record = (text: string, tag = 'F', stream = 'stdout'): string =>
  `2026-01-02T03:04:05.000000006Z ${stream} ${tag} ${text}\n`;

async function read(log: LogFile): Promise<string[]> {
  const texts: string[] = [];
  for await (const lines of log.lines())
    for (const line of lines) texts.push(parseLogRecord(line)?.text.toString() ?? `strange: ${line}`);
  return texts;
}

async function tail(path: string, lines: number): Promise<string[]> {
  const log = await LogFile.open(path, lines);
  try {
    return await read(log);
  } finally {
    await log.close();
  }
}

test('a record is taken apart, with further tags and without text; what is none is not taken', () => {
  const parsed = parseLogRecord(Buffer.from('T stderr P:X  two blanks'));
  assert.deepEqual(parsed, { time: 'T', stream: 'stderr', isWhole: false, text: Buffer.from(' two blanks') });
  assert.equal(parseLogRecord(Buffer.from('T stdout F'))?.text.length, 0);
  for (const strange of ['', 'T', 'T stdout', 'T stdin F x', 'T stdout Q x', 'no log at all'])
    assert.equal(parseLogRecord(Buffer.from(strange)), undefined, strange);
});

test('the last lines are counted by their ends, across blocks, and with all their parts', async () => {
  const texts = Array.from({ length: 3000 }, (_, at) => `${at} ${'x'.repeat(at % 97)}`);
  const path = logPath(texts.map((text) => record(text)).join(''));
  for (const lines of [0, 1, 2, 500, 2999, 3000, 3001, 9999])
    assert.deepEqual(await tail(path, lines), lines === 0 ? [] : texts.slice(-lines), String(lines));
  const parts = logPath(record('a') + record('b1', 'P') + record('b2', 'P') + record('b3') + record('c'));
  assert.deepEqual(await tail(parts, 2), ['b1', 'b2', 'b3', 'c']);
  const open = logPath(record('a') + record('b') + record('c1', 'P') + record('c2', 'P'));
  assert.deepEqual(await tail(open, 1), ['c1', 'c2']);
  assert.deepEqual(await tail(open, 2), ['b', 'c1', 'c2']);
  assert.deepEqual(await tail(open, 0), []);
  const long = 'y'.repeat(200_000);
  assert.deepEqual(await tail(logPath(record('a') + record(long) + record('c')), 2), [long, 'c']);
});

test('a line without an end is not a line yet', async () => {
  const path = logPath(`${record('one')}${record('two').slice(0, -1)}`);
  assert.deepEqual(await tail(path, 1), ['one']);
  const log = await LogFile.open(path, undefined);
  assert.deepEqual(await read(log), ['one']);
  appendFileSync(path, '!\n');
  assert.deepEqual(await read(log), ['two!']);
  await log.close();
});

test('a rotation loses nothing: the old file is read to its end, then the new one', async () => {
  const path = logPath(record('one'));
  const log = await LogFile.open(path, undefined);
  assert.deepEqual(await read(log), ['one']);
  assert.equal(await log.rotate(), false);
  renameSync(path, `${path}.1`);
  assert.equal(await log.rotate(), false, 'the next file is not there yet');
  appendFileSync(`${path}.1`, record('two'));
  writeFileSync(path, record('three'));
  assert.equal(await log.rotate(), true);
  assert.deepEqual(await read(log), ['two']);
  assert.equal(await log.rotate(), true);
  assert.deepEqual(await read(log), ['three']);
  assert.equal(await log.rotate(), false);
  await log.close();
});

test('a file that was cut is read from its beginning', async () => {
  const path = logPath(record('one') + record('two'));
  const log = await LogFile.open(path, undefined);
  assert.deepEqual(await read(log), ['one', 'two']);
  truncateSync(path);
  appendFileSync(path, record('3'));
  assert.equal(await log.rotate(), true);
  assert.deepEqual(await read(log), ['3']);
  await log.close();
});

test('a log of limited size that was rotated twice is read with the file between', async () => {
  const path = logPath(record('one'));
  const log = await LogFile.open(path, undefined);
  assert.deepEqual(await read(log), ['one']);
  for (const text of ['two', 'three']) {
    renameSync(path, `${path}.1`);
    writeFileSync(path, record(text));
  }
  assert.equal(await log.rotate(), true);
  assert.deepEqual(await read(log), ['two']);
  assert.equal(await log.rotate(), true);
  assert.deepEqual(await read(log), ['three']);
  assert.equal(await log.rotate(), false);
  await log.close();
});

test('an older file at the place of the one between is not read', async () => {
  const path = logPath(record('one'));
  writeFileSync(`${path}.1`, record('older'));
  utimesSync(`${path}.1`, 1, 1);
  const log = await LogFile.open(path, undefined);
  assert.deepEqual(await read(log), ['one']);
  unlinkSync(path);
  writeFileSync(path, record('two'));
  assert.equal(await log.rotate(), true);
  assert.deepEqual(await read(log), ['two']);
  await log.close();
});

test('a begun record that is cut off again brings nothing back and leaves nothing', async () => {
  const path = logPath(record('one') + record('torn').slice(0, -3));
  const log = await LogFile.open(path, undefined);
  assert.deepEqual(await read(log), ['one']);
  truncateSync(path, record('one').length);
  assert.equal(await log.rotate(), false);
  appendFileSync(path, record('two'));
  assert.deepEqual(await read(log), ['two']);
  appendFileSync(path, record('torn').slice(0, -3));
  assert.deepEqual(await read(log), []);
  renameSync(path, `${path}.1`);
  writeFileSync(path, record('three'));
  assert.equal(await log.rotate(), true);
  assert.deepEqual(await read(log), ['three']);
  await log.close();
});

test('a log that is not there or no file is told by its path', async () => {
  const path = join(root, 'directory');
  mkdirSync(path);
  await assert.rejects(tail(path, 9999), { name: 'DaemonError', message: /directory" cannot be read$/ });
  await assert.rejects(LogFile.open(join(root, 'absent'), undefined), /absent" is not there/);
});

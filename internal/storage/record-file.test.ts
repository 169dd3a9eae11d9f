import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { silentLogger } from '../log/logger.ts';
import type { StoreRecord } from './json-list.ts';
import { RecordFile } from './record-file.ts';

interface Thing extends StoreRecord {
  color?: string;
}

const closing = new AbortController().signal;
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'record-file-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function open(): RecordFile<Thing> {
  return new RecordFile<Thing>({
    directory,
    noun: 'things',
    logger: silentLogger,
    closing,
  });
}

function onDisk(name = 'things.json'): unknown[] {
  return JSON.parse(readFileSync(join(directory, name), 'utf8')) as unknown[];
}

test('RecordFile keeps fields that it does not know', async () => {
  const theirs = { id: 'a', names: ['one'], later: { deep: [1] } };
  writeFileSync(join(directory, 'things.json'), JSON.stringify([theirs]));
  const file = open();
  await file.locked('write', async (records) => {
    records.put('stable', { id: 'b', names: ['two'] });
    await records.save();
  });
  assert.deepEqual(onDisk(), [theirs, { id: 'b', names: ['two'] }]);
  assert.deepEqual(readdirSync(directory).sort(), ['things.json', 'things.lock']);
});

test('RecordFile takes a name from the record that had it', async () => {
  const file = open();
  await file.locked('write', async (records) => {
    records.put('stable', { id: 'a', names: ['one', 'two'], color: 'red' });
    records.put('volatile', { id: 'b', names: ['two'] });
    await records.save();
  });
  assert.deepEqual(onDisk(), [{ id: 'a', names: ['one'], color: 'red' }]);
  assert.deepEqual(onDisk('volatile-things.json'), [{ id: 'b', names: ['two'] }]);
});

test('RecordFile sees what another holder wrote, by the token alone', async () => {
  const [one, two] = [open(), open()];
  await one.refresh();
  await two.refresh();
  assert.deepEqual(two.all(), []);
  await one.locked('write', async (records) => {
    records.put('stable', { id: 'a' });
    await records.save();
  });
  assert.deepEqual(two.all(), []);
  const before = two.generation;
  await two.refresh();
  assert.deepEqual(two.all(), [{ id: 'a' }]);
  const after = two.generation;
  await two.refresh();
  assert.ok(after > before && two.generation === after, 'an unchanged file is not read again');
  assert.equal(readFileSync(join(directory, 'things.lock')).length, 64);
});

test('RecordFile forgets changes of a body that fails', async () => {
  const file = open();
  const failing = file.locked('write', async (records) => {
    records.put('stable', { id: 'a' });
    throw new Error('no');
  });
  await assert.rejects(failing, /^Error: no$/);
  assert.deepEqual(file.all(), []);
});

test('RecordFile ignores a torn volatile file and refuses a torn stable one', async () => {
  writeFileSync(join(directory, 'volatile-things.json'), '[{"id":');
  await open().refresh();
  writeFileSync(join(directory, 'things.json'), '[{"id":');
  await assert.rejects(open().refresh(), /things\.json" cannot be read/);
});

test('RecordFile takes a volatile file that cannot be read for no empty one', async () => {
  const path = join(directory, 'volatile-things.json');
  mkdirSync(path); // as with EMFILE, the content may be whole
  await assert.rejects(open().refresh(), /volatile-things\.json" cannot be read/);
});

test('RecordFile lets one holder in at a time', async () => {
  const files = [open(), open(), open()];
  let [inside, most] = [0, 0];
  const enter = (file: RecordFile<Thing>): Promise<void> =>
    file.locked('write', async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setTimeout(resolve, 2));
      inside -= 1;
    });
  await Promise.all([...files, ...files, ...files].map(enter));
  assert.equal(most, 1);
});

test('RecordFile writes what it does not change to the letter, numbers above 2^53 too', async () => {
  const theirs =
    '{"id":"a","names":["one"],"later":{"nanos":1732154400000000001,"ratio":1.0,"text":"\\u003cnone\\u003e"}}';
  writeFileSync(join(directory, 'things.json'), `[${theirs}]`);
  const file = open();
  await file.locked('write', async (records) => {
    records.put('stable', { id: 'b', names: ['one'] });
    await records.save();
  });
  const expected = `[${theirs.replace('["one"]', '[]')},{"id":"b","names":["one"]}]`;
  assert.equal(readFileSync(join(directory, 'things.json'), 'utf8'), expected);
});

test('RecordFile reads the list while another process holds the lock, and says who that is', async () => {
  const [reader, writer] = [open(), open()];
  await writer.locked('write', async (records) => {
    records.put('stable', { id: 'a' });
    await records.save();
    await reader.refresh();
    assert.deepEqual(reader.all(), [{ id: 'a' }]);
    assert.equal(await reader.lockedWithin('write', 5, async () => true), undefined);
  });
});

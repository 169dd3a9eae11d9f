import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { equalAsJson } from './bigint-json.ts';
import { StateFileError, stateFile, UnknownVersionError } from './state-file.ts';

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'state-file-'));
});
after(() => rm(directory, { recursive: true }));

interface Note {
  readonly text: string;
  readonly atNanos: bigint;
}

const notes = stateFile<Note>({
  version: 2,
  durable: false,
  parse: (value) => {
    if (typeof value['text'] !== 'string') throw new Error('text is missing');
    return value as unknown as Note;
  },
});

test('a state file comes back as written, every digit of a 64-bit integer too, and leaves no temporary file', async () => {
  const path = join(directory, 'note.json');
  await notes.write(path, { text: 'x', atNanos: 1732154400000000001n });
  const read = await notes.read(path);
  assert.equal(read?.atNanos, 1732154400000000001n);
  assert.deepEqual(await readdir(directory), ['note.json']);
});

test('a missing state file is undefined', async () => {
  assert.equal(await notes.read(join(directory, 'none.json')), undefined);
});

test('a torn, foreign or misshapen state file is refused with its path', async () => {
  const path = join(directory, 'bad.json');
  for (const [text, reason] of [
    ['', /bad\.json: /],
    ['{"version":2', /bad\.json: /],
    ['[]', /not a JSON object/],
    ['{"text":"x"}', /version is missing/],
    ['{"version":2}', /text is missing/],
  ] as const) {
    await writeFile(path, text);
    await assert.rejects(
      notes.read(path),
      (error) => error instanceof StateFileError && reason.test(error.message),
    );
  }
});

test('a state file of another version is told apart from a broken one: it is to be left alone', async () => {
  const path = join(directory, 'newer.json');
  await writeFile(path, '{"version":3,"text":"x"}');
  await assert.rejects(notes.read(path), (error) => {
    return error instanceof UnknownVersionError && /newer\.json: version 3, expected 2/.test(error.message);
  });
});

test('equalAsJson ignores the order of keys and undefined, not digits', () => {
  assert.ok(equalAsJson({ a: 1n, b: { c: undefined, d: [1] } }, { b: { d: [1] }, a: 1n }));
  assert.ok(!equalAsJson({ a: 9007199254740993n }, { a: 9007199254740992n }));
});

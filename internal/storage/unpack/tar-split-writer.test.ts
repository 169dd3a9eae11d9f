import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { TarSplitWriter } from './tar-split-writer.ts';

const directory = mkdtempSync(join(tmpdir(), 'tar-split-'));
after(() => rmSync(directory, { recursive: true }));

function linesOf(write: (split: TarSplitWriter) => void): Record<string, unknown>[] {
  const path = join(directory, 'split.gz');
  const fd = openSync(path, 'w');
  try {
    const split = new TarSplitWriter(fd);
    write(split);
    split.finish();
  } finally {
    closeSync(fd);
  }
  const lines = gunzipSync(readFileSync(path)).toString().trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('TarSplitWriter writes segments and files in order, with positions', () => {
  const lines = linesOf((split) => {
    split.segment(Buffer.from('header1'));
    split.content(Buffer.from('12345'));
    split.content(Buffer.from('6789'));
    split.file('a/b', 9);
    split.segment(Buffer.from('pad'));
    split.segment(Buffer.from('header2'));
    split.file('dir-\xff', 0);
    split.segment(Buffer.from('end'));
  });
  assert.deepEqual(lines, [
    { type: 2, payload: Buffer.from('header1').toString('base64'), position: 0 },
    {
      type: 1,
      name: 'a/b',
      size: 9,
      payload: Buffer.from('b90956c775a41001', 'hex').toString('base64'),
      position: 1,
    },
    { type: 2, payload: Buffer.from('padheader2').toString('base64'), position: 2 },
    { type: 1, name_raw: Buffer.from('dir-\xff', 'latin1').toString('base64'), payload: null, position: 3 },
    { type: 2, payload: Buffer.from('end').toString('base64'), position: 4 },
  ]);
});

test('TarSplitWriter keeps long streams whole', () => {
  const lines = linesOf((split) => {
    for (let at = 0; at < 5000; at += 1) {
      split.segment(Buffer.alloc(512, at));
      split.file(`file-${at}`, 0);
    }
    split.segment(Buffer.alloc(200_000, 1));
  });
  assert.deepEqual(
    lines.map((line) => line['position']),
    lines.map((_, at) => at),
  );
  const raw = lines
    .filter((line) => line['type'] === 2)
    .map((line) => Buffer.from(String(line['payload']), 'base64'));
  assert.equal(Buffer.concat(raw).length, 5000 * 512 + 200_000);
});

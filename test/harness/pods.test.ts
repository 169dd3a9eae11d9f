import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readContainerLog } from './pods.ts';

test('readContainerLog joins partial lines of each stream and leaves an unfinished one out', () => {
  const logDirectory = mkdtempSync(join(tmpdir(), 'cria-log-'));
  const lines = [
    '2026-01-01T00:00:00.000000001Z stdout P begin ',
    '2026-01-01T00:00:00.000000002Z stderr F  error with  spaces ',
    '2026-01-01T00:00:00.000000003Z stdout F end',
    '2026-01-01T00:00:00.000000004Z stdout F ',
    '2026-01-01T00:00:00.000000005Z stdout P unfinished',
  ];
  writeFileSync(join(logDirectory, 'c.log'), `${lines.join('\n')}\n`);
  const found = readContainerLog({ name: 'p', logDirectory, cgroupParent: '', handler: '' }, 'c');
  rmSync(logDirectory, { recursive: true });
  assert.deepEqual(
    found.map(({ stream, text }) => [stream, text]),
    [
      ['stderr', ' error with  spaces '],
      ['stdout', 'begin end'],
      ['stdout', ''],
    ],
  );
});

// The end of the daemon has a limit, also when a slow disk holds one of the threads: it is an end of its own, not systemd's SIGKILL.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { patienceMs } from '../harness/until.ts';

test('an end that takes too long says what it was at and what is left, and is one', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'stop-limit-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const child = fileURLToPath(new URL('./stop-limit-child.js', import.meta.url));
  const options = { encoding: 'utf8', timeout: patienceMs, killSignal: 'SIGKILL' } as const;
  const ended = spawnSync(process.execPath, [child, fifo, '300'], options);
  assert.deepEqual([ended.status, ended.signal], [0, null], ended.stderr);
  assert.equal(ended.stdout, 'cut\n');
  const { level, msg, work, left } = JSON.parse(ended.stderr) as Record<string, unknown>;
  assert.deepEqual([level, work, left], ['warning', 'the image store', ['the lock']]);
  assert.match(String(msg), /^ending in the middle of work that takes too long/);
});

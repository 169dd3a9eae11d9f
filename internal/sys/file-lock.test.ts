import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type LockMode, tryLockFile } from './file-lock.ts';

const directory = mkdtempSync(join(tmpdir(), 'file-lock-'));
after(() => rmSync(directory, { recursive: true }));

test('tryLockFile lets many read or one write, and a closed descriptor lets go of its own lock only', () => {
  const path = join(directory, 'lock');
  const open = (): number => openSync(path, 'a+');
  const [one, two, three] = [open(), open(), open()];
  const attempt = (fd: number, mode: LockMode): boolean => tryLockFile(fd, mode);
  assert.ok(attempt(one, 'read'));
  assert.ok(attempt(two, 'read'));
  assert.ok(!attempt(three, 'write'));
  closeSync(two);
  assert.ok(!attempt(three, 'write'));
  closeSync(one);
  assert.ok(attempt(three, 'write'));
  closeSync(three);
});

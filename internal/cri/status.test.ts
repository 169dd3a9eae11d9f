import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { DaemonError } from '../errors/daemon-error.ts';
import { isUnexpected, rpcFailure } from './status.ts';

const systemError = (code: string): Error =>
  Object.assign(new Error(`${code}: what the system says`), { code });

test('what a node lacks is said as such, and is no mistake of the program', () => {
  for (const code of ['EMFILE', 'ENFILE', 'ENOSPC', 'EDQUOT']) {
    const error = systemError(code);
    assert.equal(rpcFailure(error).code, status.RESOURCE_EXHAUSTED, code);
    assert.match(rpcFailure(error).details, /what the system says$/);
    assert.equal(isUnexpected(error), false, code);
  }
  assert.match(rpcFailure(systemError('EMFILE')).details, /raise its limit \(LimitNOFILE/);
});

test('other errors of the system are mistakes of the program', () => {
  const directory = mkdtempSync(join(tmpdir(), 'status-'));
  try {
    assert.throws(
      () => closeSync(openSync(join(directory, 'absent'), 'r')),
      (error: unknown) => isUnexpected(error) && rpcFailure(error).code === status.UNKNOWN,
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
  assert.equal(isUnexpected(new DaemonError('internal', 'told')), false);
});

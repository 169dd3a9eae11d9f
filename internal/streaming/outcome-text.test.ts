import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcomeText } from './outcome-text.ts';

const failed = { kind: 'failed', message: 'container "c" is not running' } as const;

test('since version 4 the outcome is a Status', () => {
  for (const version of [4, 5]) {
    assert.equal(outcomeText({ kind: 'exited', code: 0 }, version), '{"metadata":{},"status":"Success"}');
    assert.deepEqual(JSON.parse(outcomeText({ kind: 'exited', code: 137 }, version)), {
      metadata: {},
      status: 'Failure',
      message: 'command terminated with non-zero exit code: 137',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '137' }] },
    });
    assert.deepEqual(JSON.parse(outcomeText(failed, version)), {
      metadata: {},
      status: 'Failure',
      message: 'Internal error occurred: container "c" is not running',
      reason: 'InternalError',
      details: { causes: [{ message: 'container "c" is not running' }] },
      code: 500,
    });
  }
});

test('before that it is text, and nothing for success', () => {
  for (const version of [1, 2, 3]) {
    assert.equal(outcomeText({ kind: 'exited', code: 0 }, version), '');
    assert.equal(
      outcomeText({ kind: 'exited', code: 3 }, version),
      'command terminated with non-zero exit code: 3',
    );
    assert.equal(outcomeText(failed, version), 'container "c" is not running');
  }
});

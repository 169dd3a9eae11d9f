import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcomeText } from '../streaming/outcome-text.ts';
import { exitCodeOf } from './remote-outcome.ts';

test('what the server says of an end is what the client understands', () => {
  for (const code of [0, 1, 42, 137, 255])
    assert.equal(exitCodeOf(outcomeText({ kind: 'exited', code }, 5)), code);
  const failed = outcomeText({ kind: 'failed', message: 'no such program' }, 5);
  assert.throws(() => exitCodeOf(failed), { name: 'DaemonError', message: /no such program/ });
});

test('other servers and broken connections are told as such', () => {
  assert.throws(() => exitCodeOf(''), /closed before the end was told/);
  for (const strange of ['{', 'null', '3', '"x"', 'plain text'])
    assert.throws(() => exitCodeOf(strange), /told in strange words/, strange);
  assert.throws(
    () => exitCodeOf('{"status":"Failure","message":"pod is gone"}'),
    /^DaemonError: pod is gone$/,
  );
  const noCode = {
    status: 'Failure',
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode' }] },
  };
  assert.throws(() => exitCodeOf(JSON.stringify(noCode)), { name: 'DaemonError' });
});

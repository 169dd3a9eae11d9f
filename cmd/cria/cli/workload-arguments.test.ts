import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseArguments } from './parse-arguments.ts';
import { workloadCommand } from './workload-arguments.ts';

const now = new Date('2026-01-02T03:04:05Z');
const parsed = (...argv: readonly string[]) => workloadCommand(parseArguments(argv), now);

test('logs takes its flags as crictl and kubectl have them', () => {
  assert.deepEqual(parsed('logs', '-ft', '--tail=20', '--since', '1h30m', 'shop/web'), {
    action: 'logs',
    container: 'shop/web',
    previous: false,
    options: { follow: true, tailLines: 20, since: new Date('2026-01-02T01:34:05Z'), timestamps: true },
  });
  const plain = { follow: false, tailLines: undefined, since: undefined, timestamps: false };
  assert.deepEqual(parsed('logs', '-p', 'web', '--tail', '-1'), {
    action: 'logs',
    container: 'web',
    previous: true,
    options: plain,
  });
});

test('a time that is none is refused', () => {
  for (const text of ['yesterday', '12', '2026-99-01', '1h-', ''])
    assert.throws(
      () => parsed('logs', 'web', `--since=${text}`),
      /--since: ".*" is neither a duration/,
      text,
    );
  for (const text of ['-2', 'x', '1.5', ''])
    assert.throws(() => parsed('logs', 'web', `--tail=${text}`), /--tail: ".*" is no number/, text);
});

test('ps and pods take filters', () => {
  assert.deepEqual(parsed('ps', '-a', '--pod', 'shop', '-n', 'default', '-q'), {
    action: 'ps',
    all: true,
    pod: 'shop',
    namespace: 'default',
    quiet: true,
    json: false,
  });
  assert.deepEqual(parsed('pods', '--json'), {
    action: 'pods',
    namespace: undefined,
    quiet: false,
    json: true,
  });
});

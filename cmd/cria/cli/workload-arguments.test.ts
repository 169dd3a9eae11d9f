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

test('what follows the container of exec is the command, whatever it looks like', () => {
  const exec = { action: 'exec', container: 'web', stdin: false, terminal: false };
  assert.deepEqual(parsed('exec', 'web', 'ls', '-l', '--help', '--json'), {
    ...exec,
    command: ['ls', '-l', '--help', '--json'],
  });
  assert.deepEqual(parsed('exec', '-it', 'web', '--', 'sh', '-c', 'exit 3'), {
    ...exec,
    stdin: true,
    terminal: true,
    command: ['sh', '-c', 'exit 3'],
  });
  assert.deepEqual(parsed('--log-level', 'debug', 'exec', '--interactive', 'web', 'cat', '--', '-'), {
    ...exec,
    stdin: true,
    command: ['cat', '--', '-'],
  });
  assert.throws(() => parsed('exec', '--follow', 'web', 'ls'), /--follow is not a flag of "cria exec"/);
});

test('attach leaves by ctrl-p,ctrl-q unless told otherwise', () => {
  const attach = { action: 'attach', container: 'web', stdin: false, terminal: false };
  assert.deepEqual(parsed('attach', 'web'), { ...attach, detachKeys: Buffer.from([0x10, 0x11]) });
  assert.deepEqual(parsed('attach', '--detach-keys', '', 'web'), { ...attach, detachKeys: Buffer.alloc(0) });
  assert.throws(
    () => parsed('attach', '--detach-keys', 'ctrl-ä', 'web'),
    /--detach-keys: "ctrl-ä" are no keys/,
  );
});

test('port-forward takes pairs of ports, and a free one for 0 or nothing', () => {
  assert.deepEqual(parsed('port-forward', 'shop', '80', '8080:80', '0:53', ':53', '--address', '::1'), {
    action: 'port-forward',
    pod: 'shop',
    address: '::1',
    ports: [
      { local: 80, remote: 80 },
      { local: 8080, remote: 80 },
      { local: 0, remote: 53 },
      { local: 0, remote: 53 },
    ],
  });
  for (const ports of ['0', 'x', '1:2:3', '65536', '65536:1', '80:', '', '1.5', '-1', '80:0'])
    assert.throws(
      () => parsed('port-forward', 'shop', '--', ports),
      /are no ports such as 80 or 8080:80/,
      ports,
    );
  assert.throws(
    () => parsed('port-forward', 'shop', '80', '--address=localhost'),
    /"localhost" is no IP address/,
  );
});

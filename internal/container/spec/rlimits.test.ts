import assert from 'node:assert/strict';
import { test } from 'node:test';
import { execProcess } from './process-spec.ts';
import { rlimits } from './rlimits.ts';
import { serializeSpec } from './serialize-spec.ts';

test('rlimits: soft, hard, unlimited; the last of a name wins', () => {
  assert.deepEqual(rlimits(['nofile=10:20', 'core=-1', 'nproc=5:-1', 'nofile=30:40']), [
    { type: 'RLIMIT_NOFILE', soft: 30, hard: 40 },
    { type: 'RLIMIT_CORE', soft: 18446744073709551615n, hard: 18446744073709551615n },
    { type: 'RLIMIT_NPROC', soft: 5, hard: 18446744073709551615n },
  ]);
});

for (const entry of [
  'nofile',
  'nofile=',
  'nofile=2:1',
  'unknown=1',
  'nofile=1:2:3',
  'core=-2',
  'core=-1:5',
]) {
  test(`rlimits refuses ${entry}`, () => {
    assert.throws(() => rlimits([entry]), { kind: 'invalid-argument' });
  });
}

test('serializeSpec writes a bigint as it is, and all else as JSON.stringify does', () => {
  const value = { a: [1, 'x"\u2028', null, true, { b: undefined, c: {} }], '"': '@1' };
  assert.equal(serializeSpec(value), JSON.stringify(value));
  assert.equal(serializeSpec({ hard: 2n ** 64n - 1n }), '{"hard":18446744073709551615}');
});

const stored = {
  terminal: false,
  user: { uid: 1, gid: 2, additionalGids: [2, 3] },
  args: ['/bin/web'],
  env: ['A=1'],
  cwd: '/srv',
  capabilities: { bounding: ['CAP_KILL'], effective: [], permitted: [], inheritable: [], ambient: [] },
  noNewPrivileges: true,
  apparmorProfile: 'p',
  selinuxLabel: 'l',
  oomScoreAdj: 5,
};

test('execProcess keeps all of the container but the command and the terminal', () => {
  assert.deepEqual(execProcess(stored, ['ls'], false), { ...stored, args: ['ls'] });
  assert.deepEqual(execProcess(stored, ['sh'], true), {
    ...stored,
    args: ['sh'],
    terminal: true,
    env: ['A=1', 'TERM=xterm'],
  });
  assert.throws(() => execProcess(stored, [], false), { kind: 'invalid-argument' });
});

test('execProcess has limits that plain JSON carries, fresh or read back', () => {
  const fresh = { ...stored, rlimits: rlimits(['core=-1', 'nofile=10:20']) };
  const readBack = JSON.parse(serializeSpec(fresh)) as typeof fresh;
  const expected = JSON.stringify(execProcess(fresh, ['ls'], false));
  assert.equal(JSON.stringify(execProcess(readBack, ['ls'], false)), expected);
  const written = /"hard":(\d{20})/.exec(expected)?.[1] ?? '';
  assert.ok(BigInt(written) < 2n ** 64n, written);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SeccompSpec } from '../../oci/runtime-spec.ts';
import type { SecurityProfile } from '../container-config.ts';
import { type SeccompTarget, seccomp } from './seccomp.ts';

const plain: SeccompTarget = { capabilities: ['CAP_CHOWN'], architecture: 'amd64', kernelVersion: 6018 };

function of(
  profile: SecurityProfile | undefined,
  target: Partial<SeccompTarget> = {},
  json: {
    readonly localhost?: unknown;
    readonly runtimeDefault?: unknown;
    readonly privileged?: boolean;
    readonly privilegedProfile?: unknown;
  } = {},
): SeccompSpec | undefined {
  return seccomp(
    {
      security: { privileged: json.privileged ?? false, seccomp: profile },
      localhost: json.localhost,
      runtimeDefault: json.runtimeDefault,
      privileged: json.privilegedProfile,
    },
    { ...plain, ...target },
  );
}

function rulesFor(spec: SeccompSpec | undefined, name: string) {
  return (spec?.syscalls ?? [])
    .filter(({ names }) => names.includes(name))
    .map(({ names: _, ...rule }) => rule);
}

const runtimeDefault = { type: 'runtime-default' } as const;
const localhost = { type: 'localhost', localhostRef: '/p.json' } as const;
const allow = { action: 'SCMP_ACT_ALLOW' };
const denied = { action: 'SCMP_ACT_ERRNO', errnoRet: 1 };

test('seccomp is none for unconfined, nil and privileged', () => {
  assert.equal(of(undefined), undefined);
  assert.equal(of({ type: 'unconfined' }), undefined);
  assert.equal(of(localhost, {}, { privileged: true }), undefined);
});

test('a privileged container has the profile of the node for such containers, whatever it asks for', () => {
  const privilegedProfile = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO' }],
  };
  for (const asked of [undefined, { type: 'unconfined' } as const, runtimeDefault, localhost]) {
    const spec = of(asked, {}, { privileged: true, privilegedProfile });
    assert.deepEqual(rulesFor(spec, 'mkdir'), [{ action: 'SCMP_ACT_ERRNO' }]);
  }
  assert.equal(of(undefined, {}, { privilegedProfile }), undefined);
  assert.throws(() => of(undefined, {}, { privileged: true, privilegedProfile: null }), {
    message: /privileged_seccomp_profile/,
  });
});

test('the default profile denies by default and maps the architecture', () => {
  const spec = of(runtimeDefault);
  assert.equal(spec?.defaultAction, 'SCMP_ACT_ERRNO');
  assert.equal(spec?.defaultErrnoRet, 38); // as a kernel that does not know the call
  assert.deepEqual(spec?.architectures, ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']);
  assert.deepEqual(of(runtimeDefault, { architecture: 'arm64' })?.architectures, [
    'SCMP_ARCH_AARCH64',
    'SCMP_ARCH_ARM',
  ]);
  assert.deepEqual(rulesFor(spec, 'modify_ldt'), [allow]);
  assert.deepEqual(rulesFor(of(runtimeDefault, { architecture: 'arm64' }), 'modify_ldt'), []);
});

test('the default profile names no call twice without a condition', () => {
  const names = (of(runtimeDefault)?.syscalls ?? [])
    .filter(({ args }) => args === undefined)
    .flatMap((rule) => rule.names);
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
});

test('the default profile lets clone make no namespace without CAP_SYS_ADMIN', () => {
  const spec = of(runtimeDefault);
  const [open, ...closed] = rulesFor(spec, 'clone');
  assert.deepEqual(open, { ...allow, args: [{ index: 0, value: 0x7e020000, op: 'SCMP_CMP_MASKED_EQ' }] });
  assert.ok(closed.every(({ action, errnoRet }) => action === 'SCMP_ACT_ERRNO' && errnoRet === 1));
  const flags = closed.map(({ args }) => args?.[0]?.value ?? 0);
  assert.equal(
    flags.reduce((sum, flag) => sum + flag),
    0x7e020000,
  );
  assert.deepEqual(rulesFor(spec, 'clone3'), [{ action: 'SCMP_ACT_ERRNO', errnoRet: 38 }]);
  for (const name of [
    'unshare',
    'setns',
    'mount',
    'bpf',
    'perf_event_open',
    'keyctl',
    'io_uring_setup',
    'userfaultfd',
  ]) {
    assert.deepEqual(rulesFor(spec, name), [denied], name);
  }
  const admin = of(runtimeDefault, { capabilities: ['CAP_SYS_ADMIN'] });
  for (const name of ['clone', 'clone3', 'unshare', 'setns', 'mount', 'bpf']) {
    assert.deepEqual(rulesFor(admin, name), [allow], name);
  }
});

test('the default profile: calls that one capability or the kernel opens', () => {
  const has = (capability: string, name: string) =>
    rulesFor(of(runtimeDefault, { capabilities: [capability] }), name)[0]?.action === 'SCMP_ACT_ALLOW';
  assert.ok(has('CAP_BPF', 'bpf'));
  assert.ok(has('CAP_SYS_CHROOT', 'chroot'));
  assert.ok(!has('CAP_CHOWN', 'chroot'));
  assert.deepEqual(rulesFor(of(runtimeDefault), 'ptrace'), [allow]);
  assert.deepEqual(rulesFor(of(runtimeDefault, { kernelVersion: 4004 }), 'ptrace'), [denied]);
});

test('a profile of a file is read and resolved', () => {
  const json = {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrno: 'ENOSYS',
    archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }],
    syscalls: [
      { names: ['read'], action: 'SCMP_ACT_ALLOW', args: null, comment: '', includes: {}, excludes: {} },
      { name: 'bpf', action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_BPF'] } },
      { names: ['old'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '9.9' } },
      {
        names: ['socket'],
        action: 'SCMP_ACT_ERRNO',
        errnoRet: 22,
        args: [{ index: 0, value: 16, valueTwo: 0, op: 'SCMP_CMP_EQ' }],
      },
    ],
  };
  const expected = {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 38,
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
    syscalls: [
      { names: ['read'], action: 'SCMP_ACT_ALLOW' },
      {
        names: ['socket'],
        action: 'SCMP_ACT_ERRNO',
        errnoRet: 22,
        args: [{ index: 0, value: 16, op: 'SCMP_CMP_EQ' }],
      },
    ],
  };
  assert.deepEqual(of(localhost, {}, { localhost: json }), expected);
  assert.deepEqual(of(runtimeDefault, {}, { runtimeDefault: json }), expected);
});

for (const [name, json] of [
  ['nothing', undefined],
  ['a list', []],
  ['an unknown action', { defaultAction: 'SCMP_ACT_MAYBE' }],
  ['a rule without names', { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ action: 'SCMP_ACT_ALLOW' }] }],
  [
    'an unknown operator',
    {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['x'], action: 'SCMP_ACT_LOG', args: [{ index: 0, value: 0, op: '==' }] }],
    },
  ],
  [
    'a seventh argument',
    {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['x'], action: 'SCMP_ACT_LOG', args: [{ index: 6, value: 0, op: 'SCMP_CMP_EQ' }] }],
    },
  ],
] as const) {
  test(`seccomp refuses a profile with ${name}`, () => {
    assert.throws(() => of(localhost, {}, { localhost: json }), { kind: 'invalid-argument' });
  });
}

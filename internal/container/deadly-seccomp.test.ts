import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inputWith } from '../../test/fixtures/spec-input.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import type { RuntimeSpec, SeccompSpec } from '../oci/runtime-spec.ts';
import { requireLivable, withSeccompHint } from './deadly-seccomp.ts';
import { buildSpec } from './spec/build-spec.ts';

const plain = buildSpec(inputWith({}));
const host = { recursiveReadOnlyMounts: true, idmapMounts: true, userNamespaces: true, canUpdate: true };
const features = { ...host, execCgroup: undefined };

function specWith(defaultAction: string, syscalls: SeccompSpec['syscalls'] = []): RuntimeSpec {
  return { ...plain, linux: { ...plain.linux, seccomp: { defaultAction, architectures: [], syscalls } } };
}

const rule = (name: string, action = 'SCMP_ACT_ALLOW') => ({ names: ['read', name], action });

test('a profile that kills whatever a process does is refused', () => {
  for (const action of ['SCMP_ACT_KILL', 'SCMP_ACT_KILL_THREAD', 'SCMP_ACT_KILL_PROCESS']) {
    for (const rules of [[], [rule('write')], [rule('execve', 'SCMP_ACT_KILL')]])
      assert.throws(() => requireLivable(specWith(action, rules), { features }), {
        kind: 'invalid-argument',
        message: `no process can run under the seccomp profile: its default action ${action} is for all of execve, execveat, exit, exit_group`,
      });
  }
});

test('a profile under which a process may run, or that this kernel does not enforce, is not', () => {
  for (const name of ['execve', 'execveat', 'exit_group'])
    requireLivable(specWith('SCMP_ACT_KILL', [rule('write'), rule(name)]), { features });
  requireLivable(specWith('SCMP_ACT_KILL', [rule('execve', 'SCMP_ACT_LOG')]), { features });
  for (const action of ['SCMP_ACT_ERRNO', 'SCMP_ACT_TRAP', 'SCMP_ACT_LOG'])
    requireLivable(specWith(action), { features });
  requireLivable(plain, { features });
  requireLivable(specWith('SCMP_ACT_KILL'), { features: { ...features, kernelPerPod: true } });
});

test('a creation that runs out of time under a profile that kills threads says so', () => {
  const late = new DaemonError('deadline-exceeded', 'container "x" was not created within 5 ms');
  const { seccomp } = specWith('SCMP_ACT_KILL').linux;
  const told = withSeccompHint(late, seccomp);
  assert.ok(told instanceof DaemonError);
  assert.equal(told.kind, 'deadline-exceeded');
  assert.match(
    told.message,
    /within 5 ms; its seccomp profile may have killed a thread .* by SCMP_ACT_KILL: /,
  );
  assert.equal(withSeccompHint(late, specWith('SCMP_ACT_KILL_PROCESS').linux.seccomp), late);
  assert.equal(withSeccompHint(late, undefined), late);
  const other = new DaemonError('unknown', 'no');
  assert.equal(withSeccompHint(other, seccomp), other);
});

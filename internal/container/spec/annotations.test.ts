import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inputWith, plainDefaults, plainSandbox, sandboxId } from '../../../test/fixtures/spec-input.ts';
import { annotations } from './annotations.ts';

const gated = {
  'run.oci.handler': 'x',
  'org.systemd.property.ExecStart': 'x',
  'io.katacontainers.config.hypervisor.path': '/x',
  'org.criu.config': '/x',
  bundle: '/x',
  'devices.crio.io': '/dev/fuse',
  'cpu-quota.crio.io/main': 'disable',
};

function passed(allowedAnnotations: readonly string[], own: Readonly<Record<string, string>> = {}) {
  const all = annotations(
    inputWith(
      { annotations: { ...gated, 'example.test/a': '1', 'io.kubernetes.cri-o.SandboxID': 'forged' } },
      {},
      {
        sandbox: {
          ...plainSandbox,
          annotations: { 'io.container.manager': 'forged', 'example.test/pod': '2' },
        },
        defaults: { ...plainDefaults, allowedAnnotations, annotations: own },
      },
    ),
  );
  assert.equal(all['io.kubernetes.cri-o.SandboxID'], sandboxId);
  assert.equal(all['io.container.manager'], 'cria');
  return Object.keys(all).filter(
    (name) => !name.startsWith('io.kubernetes.cri-o.') && !name.startsWith('io.container.'),
  );
}

test('annotations that a runtime interprets do not pass, others do', () => {
  assert.deepEqual(passed([]), ['example.test/pod', 'example.test/a']);
});

test('annotations pass by the allowed prefix, and those of the handler always', () => {
  assert.deepEqual(passed(['run.oci.handler', ''], { 'run.oci.systemd.subgroup': '' }), [
    'run.oci.systemd.subgroup',
    'example.test/pod',
    'run.oci.handler',
    'example.test/a',
  ]);
  assert.deepEqual(passed(['io.kubernetes.cri-o.']), ['example.test/pod', 'example.test/a']);
});

test('the amounts of a pod are nothing that it may say itself', () => {
  const forged = {
    'pod-linux-overhead.crio.io': '{}',
    'io.kubernetes.cri-o.PodLinuxResources': '{}',
    'shm-size.crio.io': '1Mi',
  };
  const defaults = { ...plainDefaults, allowedAnnotations: Object.keys(forged) };
  const all = annotations(inputWith({ annotations: forged }, {}, { defaults }));
  assert.deepEqual(
    Object.keys(forged).filter((name) => name in all),
    ['shm-size.crio.io'],
  );
});

test('those of the handler are for containers that do not have them', () => {
  const own = { 'example.test/a': 'handler', 'run.oci.handler': 'handler' };
  const defaults = { ...plainDefaults, annotations: own };
  const all = annotations(
    inputWith({ annotations: { ...gated, 'example.test/a': 'pod' } }, {}, { defaults }),
  );
  assert.deepEqual([all['example.test/a'], all['run.oci.handler']], ['pod', 'handler']);
});

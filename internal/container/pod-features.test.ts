import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainResources } from '../../test/fixtures/spec-input.ts';
import { podFeatures, shmSizeOf, umaskOf, unifiedOf } from './pod-features.ts';
import { requestedDevices } from './requested-devices.ts';
import { type Workload, withWorkload } from './workloads.ts';

const builder: Workload = {
  name: 'builder',
  activationAnnotation: 'io.example.builder',
  annotationPrefix: 'resources.example.io',
  allowedAnnotations: ['shm-size.crio.io'],
  resources: { cpushares: 7, cpuquota: 0, cpuperiod: 0, cpulimit: 0, cpuset: '' },
};

function of(annotations: Record<string, string>, allowedAnnotations: readonly string[] = []) {
  return podFeatures(annotations, { allowedAnnotations, workloads: [builder] });
}

test('a feature needs a place in a list; either name allows both, and the new one wins', () => {
  const both = { 'umask.crio.io': '077', 'io.kubernetes.cri-o.umask': '022' };
  assert.equal(umaskOf(of(both)), undefined);
  assert.equal(umaskOf(of(both, ['io.kubernetes.cri-o.umask'])), 0o77);
  assert.equal(umaskOf(of({ 'io.kubernetes.cri-o.umask': '022' }, ['umask.crio.io'])), 0o22);
  assert.equal(umaskOf(of(both, [''])), undefined);
});

test('a workload is chosen by its annotation and adds to the list', () => {
  const asked = { 'shm-size.crio.io': '1Gi' };
  assert.equal(shmSizeOf(of(asked)), undefined);
  assert.equal(shmSizeOf(of({ ...asked, 'io.example.builder': '' })), 1024 ** 3);
  assert.ok(of({ 'io.example.builder': '' }).allowed.includes('shm-size.crio.io'));
});

test('unified files are of one container, or of all', () => {
  const allowed = ['unified-cgroup.crio.io'];
  const old = { 'io.kubernetes.cri-o.UnifiedCgroup.main': 'memory.high=5;memory.low=' };
  assert.deepEqual(unifiedOf(of(old, allowed), 'main'), { 'memory.high': '5', 'memory.low': '' });
  assert.deepEqual(unifiedOf(of(old, allowed), 'other'), {});
  const now = { 'unified-cgroup.crio.io': 'pids.max=9', 'unified-cgroup.crio.io/main': 'pids.max=8;' };
  assert.deepEqual(unifiedOf(of(now, allowed), 'main'), { 'pids.max': '8' });
  assert.deepEqual(unifiedOf(of(now, allowed), 'other'), { 'pids.max': '9' });
});

for (const [name, value, read] of [
  ['umask.crio.io', '8', umaskOf],
  ['umask.crio.io', '1777', umaskOf],
  ['shm-size.crio.io', '-1', shmSizeOf],
  ['shm-size.crio.io', '0', shmSizeOf],
] as const) {
  test(`${name} of ${value} is refused by name`, () => {
    assert.throws(() => read(of({ [name]: value }, [name])), {
      kind: 'invalid-argument',
      message: new RegExp(`annotation ${name} is "${value}", expected`),
    });
  });
}

test('devices by annotation are those of the list, below the request', () => {
  const rules = {
    additionalDevices: [{ hostPath: '/dev/a', containerPath: '/dev/a', permissions: 'r' }],
    allowedDevices: ['/dev/fuse'],
  };
  const requested = [{ hostPath: '/dev/z', containerPath: '/dev/fuse', permissions: 'rw' }];
  const ask = (value: string) =>
    requestedDevices(requested, of({ 'devices.crio.io': value }, ['devices.crio.io']), rules);
  assert.deepEqual(
    ask('/dev/fuse:/dev/f:r, /dev/fuse').map(({ containerPath, permissions }) => [
      containerPath,
      permissions,
    ]),
    [
      ['/dev/a', 'r'],
      ['/dev/f', 'r'],
      ['/dev/fuse', 'rwm'],
      ['/dev/fuse', 'rw'],
    ],
  );
  assert.throws(() => ask('/dev/fuse,/dev/mem'), { kind: 'permission-denied', message: /"\/dev\/mem"/ });
  assert.throws(() => ask('/dev/fuse,'), { kind: 'invalid-argument' });
  assert.equal(ask('').length, 2);
});

test('withWorkload puts the table, then the annotation of the container, over the request', () => {
  const requested = { ...plainResources, cpuShares: 100n, cpuQuota: 50_000n, cpuPeriod: 200_000n };
  const apply = (text?: string) => {
    const annotations = text === undefined ? {} : { 'resources.example.io/main': text };
    const { cpuShares, cpuQuota, cpuPeriod, cpusetCpus } = withWorkload(requested, builder, {
      annotations,
      containerName: 'main',
    });
    return [cpuShares, cpuQuota, cpuPeriod, cpusetCpus];
  };
  assert.deepEqual(apply(), [7n, 50_000n, 200_000n, '']);
  assert.deepEqual(apply('{"cpushares": 9, "cpuset": "0-1"}'), [9n, 50_000n, 200_000n, '0-1']);
  assert.deepEqual(apply('{"cpulimit": 500}'), [7n, 100_000n, 200_000n, '']);
  assert.deepEqual(apply('{"cpushares": 0, "cpuset": ""}'), apply());
  for (const bad of ['{', '[]', '{"memory": 1}', '{"cpushares": -1}', '{"cpuset": 1}'])
    assert.throws(() => apply(bad), { kind: 'invalid-argument', message: /resources\.example\.io\/main/ });
});

test('an annotation of any length makes an error that fits into a response', () => {
  const long = '9'.repeat(200_000);
  const annotations = { 'resources.example.io/main': `"${long}"` };
  for (const fail of [
    () => umaskOf(of({ 'umask.crio.io': long }, ['umask.crio.io'])),
    () => withWorkload(plainResources, builder, { annotations, containerName: 'main' }),
  ])
    assert.throws(fail, ({ message }: Error) => message.length < 400 && message.includes('9"… (200'));
});

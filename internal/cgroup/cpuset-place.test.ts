import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpusetPlace } from './cpuset-place.ts';

const containerId = 'c0ffee';
const hybrid = [
  { path: '/cg/cpu', controllers: ['rw', 'cpu'] },
  { path: '/cg/cpuset', controllers: ['rw', 'cpuset'] },
  { path: '/cg/unified', controllers: undefined },
];

test('cgroup v1: the hierarchy that has the controller', () => {
  const text = '9:cpu:/elsewhere\n4:cpuset:/kubepods/pod1/crio-c0ffee\n0::/x\n';
  assert.deepEqual(cpusetPlace(hybrid, undefined, { text, containerId }), {
    version: 1,
    root: '/cg/cpuset',
    above: ['/cg/cpuset/kubepods', '/cg/cpuset/kubepods/pod1'],
    own: ['/cg/cpuset/kubepods/pod1/crio-c0ffee'],
  });
});

test('cgroup v2: with the cgroup that crun makes below the container’s', () => {
  const text = '0::/kubepods.slice/kubepods-pod1.slice/crio-c0ffee.scope/container\n';
  const mounts = [{ path: '/cg', controllers: undefined }];
  assert.deepEqual(cpusetPlace(mounts, '/cg', { text, containerId }), {
    version: 2,
    root: '/cg',
    above: ['/cg/kubepods.slice', '/cg/kubepods.slice/kubepods-pod1.slice'],
    own: [
      '/cg/kubepods.slice/kubepods-pod1.slice/crio-c0ffee.scope',
      '/cg/kubepods.slice/kubepods-pod1.slice/crio-c0ffee.scope/container',
    ],
  });
  assert.equal(cpusetPlace(mounts, undefined, { text, containerId }), undefined);
});

test('a process that is in no cgroup of the container’s name has the last one', () => {
  const mounts = [{ path: '/cg', controllers: undefined }];
  const place = cpusetPlace(mounts, '/cg', { text: '0::/a/vm\n', containerId });
  assert.deepEqual(place?.own, ['/cg/a/vm']);
  assert.equal(cpusetPlace(mounts, '/cg', { text: '0::/\n', containerId }), undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroupPlace, findPlace } from './cgroup-place.ts';

const containerId = 'c0ffee';
const v2 = { hierarchy: { path: '/cg', controllers: undefined }, controller: 'cpuset' } as const;

test('cgroup v1: the line of the controller', () => {
  const text = '9:cpu,cpuacct:/elsewhere\n4:cpuset:/kubepods/pod1/crio-c0ffee\n0::/x\n';
  const hierarchy = { path: '/cg/cpuset', controllers: ['rw', 'cpuset'] };
  assert.deepEqual(cgroupPlace({ hierarchy, controller: 'cpuset' }, text, containerId), {
    version: 1,
    root: '/cg/cpuset',
    above: ['/cg/cpuset/kubepods', '/cg/cpuset/kubepods/pod1'],
    own: ['/cg/cpuset/kubepods/pod1/crio-c0ffee'],
  });
  const cpu = { path: '/cg/cpu', controllers: ['rw', 'cpu'] };
  const ofCpu = cgroupPlace(
    { hierarchy: cpu, controller: 'cpu' },
    text.replace('elsewhere', 'crio-c0ffee'),
    containerId,
  );
  assert.deepEqual(ofCpu?.own, ['/cg/cpu/crio-c0ffee']);
});

test('cgroup v2: with the cgroup that crun makes below the container’s', () => {
  const text = '0::/kubepods.slice/kubepods-pod1.slice/crio-c0ffee.scope/container\n';
  assert.deepEqual(cgroupPlace(v2, text, containerId), {
    version: 2,
    root: '/cg',
    above: ['/cg/kubepods.slice', '/cg/kubepods.slice/kubepods-pod1.slice'],
    own: [
      '/cg/kubepods.slice/kubepods-pod1.slice/crio-c0ffee.scope',
      '/cg/kubepods.slice/kubepods-pod1.slice/crio-c0ffee.scope/container',
    ],
  });
});

test('a process that is in no cgroup of the container’s name has none that is its own', () => {
  for (const path of ['/kubepods/pod1/vm', '/system.slice', '/', '/../pod1/crio-c0ffee'])
    assert.equal(cgroupPlace(v2, `0::${path}\n`, containerId), undefined, path);
});

test('a process that is gone is nowhere', async () => {
  const mounts = [{ path: '/cg', controllers: ['cpuset'] }];
  assert.equal(await findPlace(mounts, { pid: 0x7fffffff, containerId }, 'cpuset'), undefined);
});

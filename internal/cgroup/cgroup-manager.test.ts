import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CgroupfsManager, SystemdCgroupManager, slicePath } from './cgroup-manager.ts';
import { cgroupMounts } from './hierarchy.ts';

test('CgroupfsManager puts a container below the parent, by default below /crio', () => {
  const cgroups = new CgroupfsManager([]);
  assert.equal(cgroups.cgroupsPath(cgroups.parentOf('kubepods/pod1'), 'abc'), '/kubepods/pod1/crio-abc');
  assert.equal(cgroups.cgroupsPath(cgroups.parentOf(''), 'abc'), '/crio/crio-abc');
});

test('SystemdCgroupManager takes the last slice of a path', () => {
  const cgroups = new SystemdCgroupManager([]);
  const parent = cgroups.parentOf('/kubepods.slice/kubepods-pod1.slice');
  assert.equal(cgroups.cgroupsPath(parent, 'abc'), 'kubepods-pod1.slice:crio:abc');
  assert.equal(cgroups.cgroupsPath(cgroups.parentOf(''), 'abc'), 'system.slice:crio:abc');
});

test('SystemdCgroupManager refuses names that systemd takes for no slice', () => {
  const cgroups = new SystemdCgroupManager([]);
  for (const name of ['.slice', 'a--b.slice', '-a.slice', 'a-.slice', 'a b.slice', 'kube.slice/.slice'])
    assert.throws(() => cgroups.parentOf(name), { kind: 'invalid-argument' }, name);
  for (const name of ['-.slice', 'kubepods.slice', 'machine-a\\x2db.slice', 'kubepods-pod1_2.slice'])
    assert.equal(cgroups.parentOf(name), name);
});

test('each cgroup manager refuses the other form and paths that climb', () => {
  assert.throws(() => new CgroupfsManager([]).parentOf('a.slice'), /cgroup_manager is cgroupfs/);
  assert.throws(() => new SystemdCgroupManager([]).parentOf('/kubepods/pod1'), /not a systemd slice/);
  assert.throws(() => new CgroupfsManager([]).parentOf('/kubepods/../..'), /not a clean path/);
});

test('cgroupMounts finds v1 and v2 hierarchies and skips bind mounts of a part', () => {
  const text = [
    '30 24 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu',
    '31 24 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
    '32 24 0:26 /crio/x /run/x rw - cgroup cgroup rw,cpu',
    '33 24 0:28 / /proc rw - proc proc rw',
  ].join('\n');
  assert.deepEqual(cgroupMounts(text), [
    { path: '/sys/fs/cgroup/cpu', controllers: ['rw', 'cpu'] },
    { path: '/sys/fs/cgroup/unified', controllers: undefined },
  ]);
});

test('slicePath makes a directory of each dash', () => {
  assert.equal(
    slicePath('kubepods-burstable-pod1_2.slice'),
    '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice',
  );
  assert.equal(slicePath('system.slice'), '/system.slice');
  assert.equal(slicePath('-.slice'), '/');
});

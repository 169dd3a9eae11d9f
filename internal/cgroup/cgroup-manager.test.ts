import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CgroupfsManager, SystemdCgroupManager } from './cgroup-manager.ts';
import { cgroupMounts } from './hierarchy.ts';
import { memoryCgroup } from './memory-usage.ts';

test('CgroupfsManager puts a container below the parent, by default below /crio', () => {
  const cgroups = new CgroupfsManager();
  assert.equal(cgroups.cgroupsPath(cgroups.parentOf('kubepods/pod1'), 'abc'), '/kubepods/pod1/crio-abc');
  assert.equal(cgroups.cgroupsPath(cgroups.parentOf(''), 'abc'), '/crio/crio-abc');
});

test('SystemdCgroupManager takes the last slice of a path', () => {
  const cgroups = new SystemdCgroupManager();
  const parent = cgroups.parentOf('/kubepods.slice/kubepods-pod1.slice');
  assert.equal(cgroups.cgroupsPath(parent, 'abc'), 'kubepods-pod1.slice:crio:abc');
  assert.equal(cgroups.cgroupsPath(cgroups.parentOf(''), 'abc'), 'system.slice:crio:abc');
});

test('each cgroup manager refuses the other form and paths that climb', () => {
  assert.throws(() => new CgroupfsManager().parentOf('a.slice'), /cgroup_manager is cgroupfs/);
  assert.throws(() => new SystemdCgroupManager().parentOf('/kubepods/pod1'), /not a systemd slice/);
  assert.throws(() => new CgroupfsManager().parentOf('/kubepods/../..'), /not a clean path/);
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

test('memoryCgroup takes the v1 hierarchy that has the controller, else cgroup v2', () => {
  const v2 = { path: '/sys/fs/cgroup/unified', controllers: undefined };
  const v1 = { path: '/sys/fs/cgroup/memory', controllers: ['rw', 'memory'] };
  const hybrid = '5:cpu,cpuacct:/a\n4:memory:/crio/b\n0::/c:d\n';
  assert.equal(memoryCgroup(hybrid, [v2, v1])?.directory, '/sys/fs/cgroup/memory/crio/b');
  assert.equal(memoryCgroup('0::/c:d\n', [v2])?.directory, '/sys/fs/cgroup/unified/c:d');
  assert.equal(memoryCgroup('5:cpu,cpuacct:/a\n', [v1]), undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ContainerCgroups, cgroupsOfContainer } from './container-cgroups.ts';
import type { CgroupMount } from './hierarchy.ts';

const id = 'c'.repeat(64);
const v1: readonly CgroupMount[] = [
  { path: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['rw', 'cpu', 'cpuacct'] },
  { path: '/sys/fs/cgroup/memory', controllers: ['rw', 'memory'] },
  { path: '/sys/fs/cgroup/freezer', controllers: ['rw', 'freezer'] },
  { path: '/sys/fs/cgroup/devices', controllers: ['rw', 'devices'] },
  { path: '/sys/fs/cgroup/systemd', controllers: ['rw', 'name=systemd'] },
  { path: '/sys/fs/cgroup/unified', controllers: undefined },
];
const v2: readonly CgroupMount[] = [{ path: '/sys/fs/cgroup', controllers: undefined }];

test('on cgroup v1 a monitor joins what accounts and limits, not what kills and freezes', () => {
  const list = [
    `9:cpu,cpuacct:/pod/crio-${id}`,
    `8:memory:/pod/crio-${id}/deeper:x`,
    `7:freezer:/pod/crio-${id}`,
    `6:devices:/pod/crio-${id}`,
    `1:name=systemd:/pod/crio-${id}`,
    `0::/pod/crio-${id}`,
    '',
  ].join('\n');
  assert.deepEqual(cgroupsOfContainer(list, id, v1), [
    `/sys/fs/cgroup/cpu,cpuacct/pod/crio-${id}`,
    `/sys/fs/cgroup/memory/pod/crio-${id}/deeper:x`,
  ]);
});

test('on cgroup v2 it is where the init is, also below the cgroup that the runtime made', () => {
  const path = `/kubepods.slice/crio-${id}.scope/container`;
  assert.deepEqual(cgroupsOfContainer(`0::${path}\n`, id, v2), [`/sys/fs/cgroup${path}`]);
});

test('a cgroup that is not the container’s is none', () => {
  assert.deepEqual(cgroupsOfContainer('0::/user.slice\n', id, v2), []);
  assert.deepEqual(cgroupsOfContainer(`0::/../crio-${id}\n`, id, v2), []);
  assert.deepEqual(cgroupsOfContainer(`4:memory:/other\n3:pids:/pod/crio-${id}\n`, id, v1), []);
});

test('a process that is gone has none', async () => {
  assert.equal(await new ContainerCgroups(v2).of(id, 2 ** 22 + 1), undefined);
});

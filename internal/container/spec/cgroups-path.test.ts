import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroupsPath } from './cgroups-path.ts';

for (const [driver, parent, expected] of [
  ['cgroupfs', '/kubepods/burstable/pod1', '/kubepods/burstable/pod1/crio-id'],
  ['cgroupfs', 'kubepods/pod1/', '/kubepods/pod1/crio-id'],
  ['cgroupfs', '', '/crio/crio-id'],
  ['systemd', 'kubepods-pod1_2.slice', 'kubepods-pod1_2.slice:crio:id'],
  ['systemd', '/kubepods.slice/kubepods-pod1.slice', 'kubepods-pod1.slice:crio:id'],
  ['systemd', '', 'system.slice:crio:id'],
] as const) {
  test(`cgroupsPath: ${driver} ${JSON.stringify(parent)}`, () => {
    assert.equal(cgroupsPath(driver, parent, 'id'), expected);
  });
}

for (const [driver, parent] of [
  ['cgroupfs', '/a/../b'],
  ['cgroupfs', 'kubepods.slice'],
  ['systemd', '/kubepods/pod1'],
  ['systemd', 'a:b.slice'],
] as const) {
  test(`cgroupsPath refuses ${driver} ${parent}`, () => {
    assert.throws(() => cgroupsPath(driver, parent, 'id'), { kind: 'invalid-argument' });
  });
}

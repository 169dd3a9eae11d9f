import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainMount } from '../../test/fixtures/spec-input.ts';
import type { ContainerMount } from './container-config.ts';
import { checkPropagation, mountPoints } from './mount-propagation.ts';

const points = mountPoints(`22 1 0:1 / / rw - ext4 /dev/root rw
23 22 0:2 / /shared rw shared:7 - ext4 /dev/a rw
24 23 0:3 / /shared/slave rw master:7 - ext4 /dev/b rw
25 22 0:4 / /a\\040space rw,relatime shared:9 master:7 propagate_from:7 - ext4 /dev/c rw
26 22 0:5 / /twice rw shared:8 - ext4 /dev/d rw
27 26 0:6 / /twice rw - ext4 /dev/e rw
`);

function refusal(hostPath: string, propagation: ContainerMount['propagation']): string {
  try {
    checkPropagation({ ...plainMount, hostPath, propagation }, points);
    return '';
  } catch (cause) {
    return (cause as Error).message;
  }
}

test('a mount can be propagated from a shared one, and into the container also from a slave', () => {
  for (const path of ['/shared', '/shared/x', '/a space/x']) {
    assert.equal(refusal(path, 'bidirectional'), '', path);
    assert.equal(refusal(path, 'host-to-container'), '', path);
  }
  assert.equal(refusal('/shared/slave/x', 'host-to-container'), '');
  assert.match(refusal('/shared/slave/x', 'bidirectional'), /"\/shared\/slave", which is not shared;/);
});

test('a mount cannot be propagated from a private one: the one that the source is on counts', () => {
  assert.equal(
    refusal('/sharedx', 'host-to-container'),
    'mount at "/data" cannot be host-to-container: "/sharedx" is on the mount "/", which is not shared or slave; see mount(8), --make-rshared',
  );
  assert.match(refusal('/', 'bidirectional'), /"\/" is on the mount "\/"/);
  assert.match(refusal('/twice/x', 'bidirectional'), /"\/twice", which is not shared/);
});

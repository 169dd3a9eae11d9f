import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capabilitiesOf, hasHugetlbV1, kernelVersion, probeHost } from './host-facts.ts';

test('kernelVersion reads a release whatever follows the numbers', () => {
  assert.deepEqual(['6.18.44-x', '5.4', '6.1.0-13-amd64'].map(kernelVersion), [6018, 5004, 6001]);
});

test('capabilitiesOf names the bits of a mask', () => {
  assert.deepEqual(capabilitiesOf(0b101n), ['CAP_CHOWN', 'CAP_DAC_READ_SEARCH']);
  assert.deepEqual(capabilitiesOf(1n << 40n), ['CAP_CHECKPOINT_RESTORE']);
  assert.deepEqual(capabilitiesOf(1n << 60n), []);
});

test('hasHugetlbV1 counts a hierarchy where the runtimes look for it', () => {
  const mounted = (path: string, options = 'rw,relatime,hugetlb') =>
    hasHugetlbV1(`proc /proc proc rw 0 0\ncgroup ${path} cgroup ${options} 0 0\n`);
  assert.equal(mounted('/sys/fs/cgroup/hugetlb'), true);
  assert.equal(mounted('/sys/fs/cgroup/memory', 'rw,memory'), false);
  assert.equal(mounted('/var/lib/other/hugetlb'), false);
});

test('probeHost says of this machine what the kernel says', async () => {
  const host = await probeHost();
  assert.ok(host.kernelVersion >= 4000);
  assert.ok(host.oomScoreAdjMin >= -1000 && host.oomScoreAdjMin <= 1000);
  assert.ok(host.hugetlbPageSizes.every((size) => /^\d+[KMG]B$/.test(size)));
});

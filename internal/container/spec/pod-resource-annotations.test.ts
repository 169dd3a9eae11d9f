import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noResources } from '../../cri/convert/resources.ts';
import { podResourceAnnotations } from './pod-resource-annotations.ts';

test('podResourceAnnotations has the fields of the CRI message under both names, exact and without what is not set', () => {
  const resources = {
    ...noResources,
    cpuQuota: -1n,
    memoryLimitBytes: 2n ** 63n - 1n,
    oomScoreAdj: -5,
    cpusetCpus: '0-1',
    hugepageLimits: [
      { pageSize: '2MB', limitBytes: 2n ** 64n - 1n },
      { pageSize: '1GB', limitBytes: 0n },
    ],
    unified: { 'memory.high': '0' },
    memorySwapLimitBytes: 7n,
  };
  const all = podResourceAnnotations({ overhead: { ...noResources, cpuShares: 2n }, resources });
  const text =
    '{"cpu_quota":-1,"memory_limit_in_bytes":9223372036854775807,"oom_score_adj":-5,"cpuset_cpus":"0-1",' +
    '"hugepage_limits":[{"page_size":"2MB","limit":18446744073709551615},{"page_size":"1GB"}],' +
    '"unified":{"memory.high":"0"},"memory_swap_limit_in_bytes":7}';
  assert.deepEqual(all, {
    'pod-linux-overhead.crio.io': '{"cpu_shares":2}',
    'io.kubernetes.cri-o.PodLinuxOverhead': '{"cpu_shares":2}',
    'pod-linux-resources.crio.io': text,
    'io.kubernetes.cri-o.PodLinuxResources': text,
  });
});

test('what the request does not have is null, what it has without a value is empty, as Go writes a pointer', () => {
  const all = podResourceAnnotations({ overhead: undefined, resources: noResources });
  assert.equal(all['io.kubernetes.cri-o.PodLinuxOverhead'], 'null');
  assert.equal(all['io.kubernetes.cri-o.PodLinuxResources'], '{}');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goMaxProcs } from './go-max-procs.ts';
import { podFeatures } from './pod-features.ts';

const burstable = '/kubepods/burstable/pod1';

function of(
  least: number,
  changes: {
    readonly parent?: string;
    readonly shares?: bigint;
    readonly quota?: bigint;
    readonly annotations?: Record<string, string>;
    readonly allowed?: readonly string[];
  } = {},
): readonly string[] {
  const { parent = burstable, shares = 0n, quota = 0n, annotations = {}, allowed = [] } = changes;
  return goMaxProcs(least, {
    cgroupParent: parent,
    resources: { cpuShares: shares, cpuQuota: quota },
    features: podFeatures(annotations, { allowedAnnotations: allowed, workloads: [] }),
  });
}

test('goMaxProcs is twice the requested CPUs, rounded up, and at least the floor', () => {
  for (const [shares, expected] of [
    [2n, 1], // no request, as the kubelet says it
    [256n, 1],
    [1024n, 2],
    [1536n, 3],
    [1537n, 4],
    [3072n, 6],
  ] as const)
    assert.deepEqual(of(1, { shares }), [`GOMAXPROCS=${expected}`]);
  assert.deepEqual(of(4, { shares: 1024n }), ['GOMAXPROCS=4']);
  assert.deepEqual(of(4, { shares: 8192n }), ['GOMAXPROCS=16']);
  assert.deepEqual(of(4), ['GOMAXPROCS=4']);
});

test('goMaxProcs is of burstable and best-effort pods without a quota', () => {
  assert.deepEqual(of(0), []);
  assert.deepEqual(of(2, { parent: 'kubepods-besteffort-pod1.slice' }), ['GOMAXPROCS=2']);
  assert.deepEqual(of(2, { parent: '/kubepods/pod1' }), []);
  assert.deepEqual(of(2, { quota: 50_000n }), []);
  assert.deepEqual(of(2, { quota: -1n }), ['GOMAXPROCS=2']);
});

test('goMaxProcs is left out for a pod that says so and may', () => {
  const name = 'skip-gomaxprocs.crio.io';
  assert.deepEqual(of(2, { annotations: { [name]: 'true' }, allowed: [name] }), []);
  assert.deepEqual(of(2, { annotations: { [name]: 'false' }, allowed: [name] }), ['GOMAXPROCS=2']);
  assert.deepEqual(of(2, { annotations: { [name]: 'true' } }), ['GOMAXPROCS=2']);
});

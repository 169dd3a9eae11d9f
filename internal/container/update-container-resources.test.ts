import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainResources } from '../../test/fixtures/spec-input.ts';
import { limitsToReturnTo, mergeResources } from './update-container-resources.ts';

const before = {
  ...plainResources,
  cpuShares: 512n,
  cpuQuota: 50_000n,
  memoryLimitBytes: 4096n,
  memorySwapLimitBytes: 8192n,
  oomScoreAdj: 7,
  cpusetCpus: '0',
  hugepageLimits: [{ pageSize: '2MB', limitBytes: 1n }],
};

test('mergeResources keeps what the request does not name, and never the OOM score of the request', () => {
  assert.deepEqual(mergeResources(before, { ...plainResources, oomScoreAdj: 900 }), before);
  const changed = mergeResources(before, { ...plainResources, cpuQuota: -1n, cpusetCpus: '0-1' });
  assert.deepEqual(changed, { ...before, cpuQuota: -1n, cpusetCpus: '0-1' });
});

test('mergeResources replaces the swap limit with the memory limit it belongs to', () => {
  const bigger = mergeResources(before, { ...plainResources, memoryLimitBytes: 16_384n });
  assert.deepEqual([bigger.memoryLimitBytes, bigger.memorySwapLimitBytes], [16_384n, 0n]);
  const swap = mergeResources(before, { ...plainResources, memorySwapLimitBytes: 9000n });
  assert.deepEqual([swap.memoryLimitBytes, swap.memorySwapLimitBytes], [4096n, 9000n]);
});

test('mergeResources joins unified files by name, and keeps the limits of huge pages', () => {
  const asked = [{ pageSize: '2MB', limitBytes: 3n }];
  const requested = { ...plainResources, hugepageLimits: asked, unified: { 'memory.high': '1' } };
  const merged = mergeResources({ ...before, unified: { 'memory.low': '0' } }, requested);
  assert.deepEqual(merged.hugepageLimits, before.hugepageLimits);
  assert.deepEqual(merged.unified, { 'memory.low': '0', 'memory.high': '1' });
});

test('limitsToReturnTo names what was not limited before, and only what the update would have limited', () => {
  const requested = { ...plainResources, cpuQuota: 20_000n, memoryLimitBytes: 4096n, cpuShares: 2n };
  const back = limitsToReturnTo(plainResources, mergeResources(plainResources, requested));
  assert.deepEqual(back, { ...plainResources, cpuQuota: -1n, memoryLimitBytes: -1n, cpuShares: 1024n });
  assert.deepEqual(limitsToReturnTo(before, mergeResources(before, requested)), before);
});

import assert from 'node:assert/strict';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { test } from 'node:test';
import { countSpent } from './spent-buffers.ts';

test('what was read is collected with the young generation, not by marking the whole heap', async () => {
  const kinds: number[] = [];
  const observed = new Promise<void>((resolve) => {
    const observer = new PerformanceObserver((list) => {
      const entries = list.getEntries() as unknown as { detail: { kind: number } }[];
      kinds.push(...entries.map(({ detail }) => detail.kind));
      observer.disconnect();
      resolve();
    });
    observer.observe({ entryTypes: ['gc'] });
  });
  countSpent(3 * 1024 * 1024);
  countSpent(3 * 1024 * 1024);
  await observed;
  assert.ok(kinds.includes(constants.NODE_PERFORMANCE_GC_MINOR), `collections of the kinds ${kinds}`);
});

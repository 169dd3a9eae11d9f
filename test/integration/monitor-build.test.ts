// The builds of the monitor are what they say they are.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  assertNoReports,
  faultMonitorPath,
  isSanitized,
  monitorPath,
  productPath,
} from '../harness/monitor-build.ts';
import { until } from './monitor-fixture.ts';

const sources = fileURLToPath(new URL('../../../cmd/cria-monitor/', import.meta.url));

function faultPoints(): string[] {
  const texts = readdirSync(sources).map((name) => readFileSync(`${sources}${name}`, 'utf8'));
  return texts.flatMap((text) =>
    [...text.matchAll(/FAULT_POINT\("([^"]+)"\)/g)].map(([, name]) => name ?? ''),
  );
}

describe('monitor builds', () => {
  test('the product has no fault points, not even their names; the fault build has them all', () => {
    const names = faultPoints();
    assert.ok(names.length >= 20);
    assert.equal(new Set(names).size, names.length, 'a name stands at one place');
    const [product, fault] = [productPath, faultMonitorPath].map((path) => readFileSync(path, 'latin1'));
    assert.ok(!product?.includes('fault:') && !product?.includes('CRIA_MONITOR_FAULT'));
    for (const name of names) assert.ok(fault?.includes(`fault:${name}\0`), name);
  });

  if (isSanitized) {
    test('a report of a detached monitor process is found and fails the test', async () => {
      const spawner = spawn(monitorPath, ['spawner'], {
        stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
        detached: true,
        env: {},
      });
      await until('it has its own signal mask', () =>
        /^SigBlk:\t(?!0+$)/m.test(readFileSync(`/proc/${spawner.pid}/status`, 'utf8')),
      );
      spawner.kill('SIGSEGV');
      const [code] = await once(spawner, 'exit');
      assert.equal(code, 99);
      assert.throws(assertNoReports, /AddressSanitizer: SEGV/);
      assertNoReports();
    });
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuRates } from './cpu-rates.ts';

const second = 1_000_000_000n;

test('CpuRates: nothing at the first look, then the rate since a look at least a second ago', () => {
  const rates = new CpuRates();
  const subject = {};
  const at = (seconds: number, cpuNanos: bigint) =>
    rates.next(subject, cpuNanos, BigInt(seconds * 1000) * 1_000_000n);
  assert.equal(at(10, 0n), undefined);
  assert.equal(at(10.5, second), undefined, 'too close to the only look');
  assert.equal(at(12, second), second / 2n);
  assert.equal(
    at(12.5, 3n * second),
    (3n * second * 10n) / 25n,
    'too close to the last look: since the one before',
  );
  assert.equal(at(14, 5n * second), 2n * second);
});

test('CpuRates: no rate when the counter went back, and subjects are apart', () => {
  const rates = new CpuRates();
  const [one, other] = [{}, {}];
  rates.next(one, 5n, 10n * second);
  assert.equal(rates.next(one, 4n, 20n * second), undefined);
  assert.equal(rates.next(one, second + 4n, 21n * second), second);
  assert.equal(rates.next(other, 9n, 30n * second), undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDurationMs, parseKubernetesQuantity, parseSizeBytes } from './quantities.ts';

test('parseSizeBytes tells binary from decimal units', () => {
  const cases: [string, number | undefined][] = [
    ['4096', 4096],
    ['512KiB', 524_288],
    ['12 MiB', 12_582_912],
    ['1.5g', 1_500_000_000],
    ['1MB', 1_000_000],
    ['0', 0],
    ['', undefined],
    ['-1', undefined],
    ['12 lots', undefined],
    ['KiB', undefined],
  ];
  for (const [text, bytes] of cases) assert.equal(parseSizeBytes(text), bytes, text);
});

test("parseDurationMs reads Go's durations", () => {
  const cases: [string, number | undefined][] = [
    ['0', 0],
    ['0s', 0],
    ['2s', 2000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['1.5h', 5_400_000],
    ['5', undefined],
    ['', undefined],
    ['1d', undefined],
    ['-1s', undefined],
  ];
  for (const [text, milliseconds] of cases) assert.equal(parseDurationMs(text), milliseconds, text);
});

test('parseKubernetesQuantity reads decimal, binary and exponent forms', () => {
  const read = (text: string) => parseKubernetesQuantity(text);
  assert.deepEqual(['0', '5', '1.5k', '2Gi', '1e3'].map(read), [0n, 5n, 1500n, 2n * 1024n ** 3n, 1000n]);
  assert.deepEqual(['', '-1', '1m', '1KB', '1 k', '.5'].map(read), Array(6).fill(undefined));
});

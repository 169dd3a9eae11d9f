import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpusIn, formatCpuList, formatCpuMask, maskDigits, parseCpuList, parseCpuMask } from './cpu-set.ts';

test('lists of CPUs, there and back', () => {
  assert.deepEqual(cpusIn(parseCpuList('8,0-2,64\n') ?? 0n), [0, 1, 2, 8, 64]);
  assert.equal(formatCpuList(parseCpuList('8,0-2,3,64,2-3') ?? 0n), '0-3,8,64');
  assert.equal(parseCpuList(''), 0n);
  assert.equal(formatCpuList(0n), '');
  for (const bad of ['a', '1-', '-1', '3-1', '1,,2', '0-99999999999', '1 2'])
    assert.equal(parseCpuList(bad), undefined, bad);
});

test('masks of CPUs keep the width that the kernel shows', () => {
  const wide = '0000000f,00000000,ffffffff\n';
  const set = parseCpuMask(wide) ?? 0n;
  assert.deepEqual(cpusIn(set).slice(-5), [31, 64, 65, 66, 67]);
  assert.equal(formatCpuMask(set, maskDigits(wide)), wide.trim());
  assert.equal(formatCpuMask(1n, maskDigits('3')), '1');
  assert.equal(formatCpuMask(0x1fn, maskDigits('ff,ffffffff')), '00,0000001f');
  for (const bad of ['', 'xyz', '0x3']) assert.equal(parseCpuMask(bad), undefined, bad);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstCpu } from './exec-cpu.ts';

test('firstCpu is the lowest of the list', () => {
  assert.deepEqual(['0', '2-5,8', '8,2-5', '10', ' 3 , 1 ', ''].map(firstCpu), [0, 2, 2, 10, 1, undefined]);
});

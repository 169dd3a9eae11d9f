import assert from 'node:assert/strict';
import { test } from 'node:test';
import { psiFromText } from './pressure.ts';

test('psiFromText reads both lines, and leaves out one that is not there', () => {
  const some = 'some avg10=1.50 avg60=0.25 avg300=0.00 total=123\n';
  const full = 'full avg10=0.00 avg60=0.00 avg300=0.01 total=7\n';
  assert.deepEqual(psiFromText(some + full), {
    Some: { Total: '123', Avg10: 1.5, Avg60: 0.25, Avg300: 0 },
    Full: { Total: '7', Avg10: 0, Avg60: 0, Avg300: 0.01 },
  });
  assert.deepEqual(Object.keys(psiFromText(some)), ['Some']);
});

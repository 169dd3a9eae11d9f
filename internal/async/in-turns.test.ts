import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { inTurns } from './in-turns.ts';

function spin(ms: number): void {
  for (const endMs = performance.now() + ms; performance.now() < endMs; );
}

test('inTurns lets others work between pieces that take long to begin, and answers in order', async () => {
  const order: string[] = [];
  const others = nextTurn().then(() => order.push('others'));
  const results = await inTurns(['a', 'b', 'c'], async (item) => {
    order.push(item);
    spin(10);
    await nextTurn();
    return item.toUpperCase();
  });
  await others;
  assert.deepEqual(order, ['a', 'others', 'b', 'c']);
  assert.deepEqual(results, ['A', 'B', 'C']);
});

test('inTurns begins all in one turn when that is quick', async () => {
  const order: string[] = [];
  const others = nextTurn().then(() => order.push('others'));
  await inTurns(['a', 'b'], async (item) => order.push(item));
  await others;
  assert.deepEqual(order, ['a', 'b', 'others']);
});

test('inTurns tells the failure of a piece that fails while others are yet to begin', async () => {
  const begun: string[] = [];
  const failing = inTurns(['bad', 'good'], async (item) => {
    begun.push(item);
    spin(10);
    if (item === 'bad') throw new Error('as it should');
  });
  await assert.rejects(failing, /as it should/);
  assert.deepEqual(begun, ['bad', 'good']);
});

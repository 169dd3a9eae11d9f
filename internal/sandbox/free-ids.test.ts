import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lowestFree } from './free-ids.ts';

const range = (first: number, length: number) => ({ first, length });

const cases: readonly (readonly [string, ...Parameters<typeof lowestFree>, number | undefined])[] = [
  ['none available', [], [], 1, undefined],
  ['the first of a range', [range(100, 50)], [], 50, 100],
  ['one too many', [range(100, 50)], [], 51, undefined],
  ['after what is used', [range(100, 50)], [range(90, 20)], 40, 110],
  ['before what is used', [range(100, 50)], [range(110, 40)], 10, 100],
  ['a gap that is too small', [range(100, 50)], [range(130, 10), range(105, 10)], 11, 115],
  ['used ranges within each other', [range(100, 50)], [range(105, 5), range(100, 30)], 20, 130],
  ['a used range that begins later but ends earlier', [range(0, 100)], [range(1, 60), range(2, 3)], 39, 61],
  ['the next of several ranges', [range(500, 10), range(100, 5)], [], 6, 500],
  ['ranges that touch are one', [range(110, 10), range(100, 10)], [], 20, 100],
  ['ranges that overlap are one', [range(100, 15), range(105, 2), range(110, 10)], [], 20, 100],
  ['never the root of the host', [range(0, 10)], [], 9, 1],
  ['never the id that is none', [range(2 ** 32 - 5, 10)], [], 4, 2 ** 32 - 5],
  ['nothing behind the last id', [range(2 ** 32 - 5, 10)], [], 5, undefined],
  ['an empty range', [range(100, 0)], [], 1, undefined],
];
for (const [what, available, used, length, expected] of cases) {
  test(`the lowest free ids: ${what}`, () => {
    assert.equal(lowestFree(available, used, length), expected);
  });
}

// Where among ranges of ids there is room.

import type { IdRange } from '../sys/id-maps.ts';

/** The host's root belongs to no pod, and the last id is the kernel's "no id" (user_namespaces(7)). */
const neverFree: readonly IdRange[] = [
  { first: 0, length: 1 },
  { first: 2 ** 32 - 1, length: Number.MAX_SAFE_INTEGER - 2 ** 32 },
];

/** The lowest of `length` ids in one piece that are `available` and not `used`; undefined where there are none. */
export function lowestFree(
  available: readonly IdRange[],
  used: readonly IdRange[],
  length: number,
): number | undefined {
  const taken = [...used, ...neverFree].sort(byFirst);
  for (const whole of joined(available)) {
    let first = whole.first;
    for (const range of taken) {
      if (range.first < first + length && endOf(range) > first) first = endOf(range);
    }
    if (first + length <= endOf(whole)) return first;
  }
  return undefined;
}

/** In order, with those that touch or overlap made one. */
function joined(ranges: readonly IdRange[]): readonly IdRange[] {
  const wholes: IdRange[] = [];
  for (const range of [...ranges].sort(byFirst)) {
    const last = wholes.at(-1);
    if (last === undefined || range.first > endOf(last)) wholes.push(range);
    else
      wholes[wholes.length - 1] = {
        first: last.first,
        length: Math.max(endOf(last), endOf(range)) - last.first,
      };
  }
  return wholes;
}

function byFirst(a: IdRange, b: IdRange): number {
  return a.first - b.first;
}

function endOf({ first, length }: IdRange): number {
  return first + length;
}

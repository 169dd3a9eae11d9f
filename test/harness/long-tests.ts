// Sweeps that take minutes are shortened, unless all of them are asked for: `npm run test:storage`.

const isLong = process.env['CRIA_TEST_LONG'] === '1';

/** All points of a sweep, or each `step`-th and the last. */
export function sweep<T>(points: readonly T[], step: number): readonly T[] {
  return isLong ? points : points.filter((_, at) => at % step === 0 || at === points.length - 1);
}

/** How often something is repeated. */
export function rounds(short: number, long: number): number {
  return isLong ? long : short;
}

// How a benchmark tells what it found: medians with their spread, as a table for people and JSON for comparison.

export interface Sample {
  readonly name: string;
  readonly unit: 'ms' | 'KiB';
  readonly values: readonly number[];
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

/** Milliseconds that `body` takes. */
export async function timed(body: () => Promise<unknown>): Promise<number> {
  const started = process.hrtime.bigint();
  await body();
  return Number(process.hrtime.bigint() - started) / 1e6;
}

export function summarize({ name, unit, values }: Sample): object {
  const sorted = [...values].sort((a, b) => a - b);
  const [median, p90] = [quantile(sorted, 0.5), quantile(sorted, 0.9)].map((value) =>
    Number(value.toFixed(2)),
  );
  return { name, unit, n: values.length, median, p90 };
}

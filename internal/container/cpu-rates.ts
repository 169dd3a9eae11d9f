// CPU use as a rate, from two looks at a counter.

interface CpuSample {
  /** On a clock that never jumps. */
  readonly atNanos: bigint;
  readonly cpuNanos: bigint;
}

/** Two looks that are closer would give noise: the kernel accounts in ticks of up to 10 ms. */
const shortestNanos = 1_000_000_000n;

/** Remembers the last looks at each subject for as long as the subject lives. */
export class CpuRates {
  readonly #samples = new WeakMap<object, { older: CpuSample | undefined; newer: CpuSample }>();

  /** Billionths of a CPU since a look at least one second ago; undefined without one, or when the counter began anew. */
  next(subject: object, cpuNanos: bigint, atNanos = process.hrtime.bigint()): bigint | undefined {
    const sample = { atNanos, cpuNanos };
    const known = this.#samples.get(subject);
    const isApart = known !== undefined && atNanos - known.newer.atNanos >= shortestNanos;
    const base = isApart ? known.newer : known?.older;
    if (known === undefined) this.#samples.set(subject, { older: undefined, newer: sample });
    else if (isApart) this.#samples.set(subject, { older: known.newer, newer: sample });
    if (base === undefined || cpuNanos < base.cpuNanos) return undefined;
    return ((cpuNanos - base.cpuNanos) * 1_000_000_000n) / (atNanos - base.atNanos);
  }
}

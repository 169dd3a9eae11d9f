// The two clocks: wall time for what clients see, monotonic time for durations.

/** Now, in nanoseconds since the epoch, to the millisecond; follows steps of the wall clock. */
export function nowNanos(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

/** Milliseconds on a clock that never jumps. */
export function monotonicMs(): number {
  return performance.now();
}

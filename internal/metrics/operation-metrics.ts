// Counts and latencies of what the daemon is asked to do, by the RPC's name.

import type { Collectors } from './collectors.ts';

/** Takes one finished call. */
export type ObserveOperation = (operation: string, seconds: number, isFailed: boolean) => void;

export interface OperationMetrics {
  readonly observe: ObserveOperation;
  /** Takes the duration of something that is no call, as CRI-O counts its steps. */
  readonly observeLatency: (operation: string, seconds: number) => void;
}

export function operationMetrics(collectors: Collectors): OperationMetrics {
  const labels = ['operation'] as const;
  const total = collectors.counter({ name: 'operations_total', help: 'Calls, by RPC.', labels });
  const errors = collectors.counter({
    name: 'operations_errors_total',
    help: 'Failed calls, by RPC.',
    labels,
  });
  const last = collectors.gauge({
    name: 'operations_latency_seconds',
    help: 'Duration of the last call, by RPC.',
    labels,
  });
  const all = collectors.summary({
    name: 'operations_latency_seconds_total',
    help: 'Duration of calls in the last ten minutes, by RPC.',
    labels,
  });
  return {
    observe(operation, seconds, isFailed) {
      const by = { operation };
      total.inc(by);
      if (isFailed) errors.inc(by);
      last.set(by, seconds);
      all.observe(by, seconds);
    },
    observeLatency: (operation, seconds) => last.set({ operation }, seconds),
  };
}

// The pod network: how long pods wait for it, and what it could not release.

import { Counter, Gauge, type Registry } from 'prom-client';

export interface NetworkMetrics {
  /** A pod was attached: the time of its plugins alone, and with records and host ports. */
  attached(pluginSeconds: number, overallSeconds: number): void;
  /** A plugin's DEL failed or did not end in time. */
  deleteFailed(): void;
  /** So many pods that are gone still wait for a DEL that succeeds. */
  deferredDeletes(count: number): void;
}

/** `observeLatency` is CRI-O's gauge of last latencies, where its names for these two operations are. */
export function networkMetrics(
  registry: Registry,
  observeLatency: (operation: string, seconds: number) => void,
): NetworkMetrics {
  const failures = new Counter({
    name: 'cria_network_delete_failures_total',
    help: 'Times that the DEL of a pod failed.',
    registers: [registry],
  });
  const deferred = new Gauge({
    name: 'cria_network_deferred_deletes',
    help: 'Pods whose DEL has failed and is tried again in the background.',
    registers: [registry],
  });
  return {
    attached(pluginSeconds, overallSeconds) {
      observeLatency('network_setup_pod', pluginSeconds);
      observeLatency('network_setup_overall', overallSeconds);
    },
    deleteFailed: () => failures.inc(),
    deferredDeletes: (count) => deferred.set(count),
  };
}

// Everything that the daemon counts. Made once; each part gets the group it reports to.

import { Registry } from 'prom-client';
import { Collectors } from './collectors.ts';
import { type ContainerMetrics, containerMetrics } from './container-metrics.ts';
import { type ImageMetrics, imageMetrics } from './image-metrics.ts';
import { type MonitorMetrics, monitorMetrics } from './monitor-metrics.ts';
import { type NetworkMetrics, networkMetrics } from './network-metrics.ts';
import { type ObserveOperation, operationMetrics } from './operation-metrics.ts';
import { processMetrics } from './process-metrics.ts';
import { type StreamMetrics, streamMetrics } from './stream-metrics.ts';

export interface Metrics {
  readonly observeOperation: ObserveOperation;
  readonly containers: ContainerMetrics;
  readonly images: ImageMetrics;
  readonly monitors: MonitorMetrics;
  readonly network: NetworkMetrics;
  readonly streams: StreamMetrics;
  setDefaultRuntime(name: string): void;
  /** The text that Prometheus reads, and its content type. */
  read(): Promise<{ readonly text: string; readonly contentType: string }>;
}

export interface MetricsSettings {
  /** Collectors of CRI-O's that are served, as in the option `metrics_collectors`. */
  readonly collectors: readonly string[];
  readonly defaultRuntime: string;
}

export function createMetrics(settings: MetricsSettings): Metrics {
  const registry = new Registry();
  const collectors = new Collectors(registry, settings.collectors);
  processMetrics(registry, collectors);
  const defaultRuntime = collectors.gauge({
    name: 'default_runtime',
    help: 'Always 1; the label is the default runtime handler.',
    labels: ['runtime'],
  });
  const setDefaultRuntime = (name: string): void => {
    defaultRuntime.reset();
    defaultRuntime.set({ runtime: name }, 1);
  };
  setDefaultRuntime(settings.defaultRuntime);
  const operations = operationMetrics(collectors);
  return {
    observeOperation: operations.observe,
    containers: containerMetrics(collectors),
    images: imageMetrics(collectors),
    monitors: monitorMetrics(registry),
    network: networkMetrics(registry, operations.observeLatency),
    streams: streamMetrics(registry),
    setDefaultRuntime,
    read: async () => ({ text: await registry.metrics(), contentType: registry.contentType }),
  };
}

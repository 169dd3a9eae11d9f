// [crio.metrics], [crio.tracing] and [crio.stats].

import { anyPath, count, port, text, textList } from './checked-types.ts';
import { done, later } from './option.ts';
import { booleanType } from './value-type.ts';

const collectors =
  `operations_total operations_errors_total operations_latency_seconds operations_latency_seconds_total
  image_pulls_layer_size image_pulls_bytes_total image_pulls_skipped_bytes_total image_pulls_success_total
  image_pulls_failure_total image_layer_reuse_total containers_oom_total containers_oom_count_total
  containers_seccomp_notifier_count_total containers_events_dropped_total containers_stopped_monitor_count
  processes_defunct resources_stalled_at_stage default_runtime`.split(/\s+/);

export const metricsOptions = {
  enable_metrics: done(booleanType, false, 'Serve Prometheus metrics.'),
  metrics_host: done(text, '127.0.0.1', 'Address of the metrics server.'),
  metrics_port: done(port, 9090, 'Port of the metrics server.'),
  metrics_socket: done(anyPath, '', 'Unix socket on which the same metrics are served.'),
  metrics_cert: done(
    anyPath,
    '',
    'Certificate of the metrics server, PEM; with it and a key only HTTPS is served. Read again when it changes.',
  ),
  metrics_key: done(anyPath, '', 'Private key of the metrics server, PEM.'),
  metrics_collectors: done(
    textList,
    collectors,
    'Metrics that are collected, with or without the prefixes crio_ and container_runtime_crio_. Unknown names are ignored.',
  ),
};

export const tracingOptions = {
  enable_tracing: later(booleanType, false, 'Export OpenTelemetry traces.'),
  tracing_endpoint: later(text, '127.0.0.1:4317', 'OTLP gRPC address of the collector.'),
  tracing_sampling_rate_per_million: later(
    count,
    0,
    'Traces that are sampled in a million; 0: those that the kubelet samples.',
  ),
};

export const statsOptions = {
  collection_period: later(count, 0, 'Seconds between two collections of statistics; 0: on demand.', {
    env: 'COLLECTION_PERIOD',
  }),
  stats_collection_period: later(
    count,
    0,
    'Deprecated by CRI-O: as collection_period, for the statistics alone.',
  ),
  included_pod_metrics: later(
    textList,
    [],
    'Metrics of pods served over the CRI: cpu, disk, diskIO, hugetlb, memory, network, oom, process, spec, pressure, or all.',
    // The spelling is CRI-O's.
    { env: 'CONTAINER_INCLUDED_POD_METRCIS' },
  ),
};

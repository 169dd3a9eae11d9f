// The stream server that the configuration asks for.

import type { Config } from '../../internal/config/options.ts';
import { parseDurationMs } from '../../internal/config/quantities.ts';
import type { Logger } from '../../internal/log/logger.ts';
import type { StreamMetrics } from '../../internal/metrics/stream-metrics.ts';
import { StreamServer } from '../../internal/streaming/stream-server.ts';
import type { ServerIdentity } from '../../internal/tls/server-identity.ts';

/** Without traffic for so long a stream is closed, where the configuration says nothing. */
const usualIdleMs = 4 * 3_600_000;
/** A client opens its streams at once. */
const creationMs = 30_000;
/** The longest that a timer can take, 24 days. */
const longestMs = 2 ** 31 - 1;

/** Makes it; nothing listens yet. */
export function wireStreams(config: Config, metrics: StreamMetrics, logger: Logger): StreamServer {
  const { api } = config;
  const idleMs = parseDurationMs(api.stream_idle_timeout) ?? usualIdleMs;
  return new StreamServer(
    {
      address: { host: api.stream_address || '127.0.0.1', port: Number(api.stream_port) },
      timeouts: { idleMs: Math.min(idleMs, longestMs), creationMs },
      identity: streamIdentity(config),
    },
    metrics,
    logger,
  );
}

/** Undefined without TLS. */
export function streamIdentity({ api }: Config): ServerIdentity | undefined {
  if (!api.stream_enable_tls) return undefined;
  return {
    certFile: api.stream_tls_cert,
    keyFile: api.stream_tls_key,
    clientCaFile: api.stream_tls_ca || undefined,
    minVersion: api.tls_min_version,
    cipherSuites: api.tls_cipher_suites,
  };
}

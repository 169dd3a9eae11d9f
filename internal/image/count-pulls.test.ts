import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DaemonError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import { silentLogger } from '../log/logger.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { countPull, failureOf } from './count-pulls.ts';
import { logPull } from './log-pulls.ts';
import type { PullEvent } from './pull-progress.ts';

const image = 'r.io/team/app:v1';
const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
const layers = [
  { digest: `sha256:${'a'.repeat(64)}` as const, sizeBytes: 3_000_000, mediaType, isPresent: true },
  { digest: `sha256:${'b'.repeat(64)}` as const, sizeBytes: 20_000_000, mediaType, isPresent: false },
];
const begun: readonly PullEvent[] = [
  { kind: 'started', image },
  { kind: 'layers', image, layers },
  { kind: 'received', image, layer: 1, receivedBytes: 5_000_000 },
  { kind: 'received', image, layer: 1, receivedBytes: 20_000_000 },
];
const unreachable = new DaemonError(
  'unknown',
  'RegistryUnavailable: registry "r.io" is unavailable: connection refused',
);

test("pulls are counted under CRI-O's names, with labels of few values", async () => {
  const collectors = 'layer_size bytes_total skipped_bytes_total success_total failure_total'.split(' ');
  const names = [...collectors.map((name) => `image_pulls_${name}`), 'image_layer_reuse_total'];
  const metrics = createMetrics({ collectors: names, defaultRuntime: 'crun' });
  // Two pulls of one image, for two namespaces: neither takes the other's bytes for its own.
  const [first, second] = [countPull(metrics.images), countPull(metrics.images)];
  for (const event of begun) for (const listener of [first, second]) listener(event);
  first({ kind: 'unpacked', image, layer: 1 });
  first({ kind: 'done', image, imageId: 'i' });
  second({ kind: 'failed', image, error: unreachable });
  const { text } = await metrics.read();
  const lines = text.split('\n').map((line) => line.replace('container_runtime_crio_', ''));
  for (const line of [
    `image_pulls_bytes_total{mediatype="${mediaType}",size=">10 MiB"} 40000000`,
    'image_pulls_skipped_bytes_total{size=">1 MiB"} 6000000',
    'image_layer_reuse_total{name="r.io/team/app"} 2',
    'image_pulls_success_total 1',
    'image_pulls_failure_total{error="CONNECTION_REFUSED"} 1',
    'image_pulls_layer_size_bucket{le="10000000"} 0',
    'image_pulls_layer_size_bucket{le="50000000"} 2',
  ])
    assert.ok(lines.includes(line), `${line} is not in ${text}`);
});

test('failures have words of their own', () => {
  const cases: readonly (readonly [error: unknown, failure: string])[] = [
    [new DaemonError('not-found', 'x'), 'NOT_FOUND'],
    [new DaemonError('unauthenticated', 'x'), 'UNAUTHORIZED'],
    [new DaemonError('unknown', 'SignatureValidationFailed: x'), 'SIGNATURE_INVALID'],
    [new DaemonError('unknown', 'RegistryUnavailable: it does not answer'), 'CONNECTION_TIMEOUT'],
    [new DaemonError('unknown', 'RegistryUnavailable: too many requests'), 'UNAVAILABLE'],
    [AbortSignal.abort().reason, 'CANCELLED'],
    [new TypeError('x'), 'UNKNOWN'],
  ];
  for (const [error, failure] of cases) assert.equal(failureOf(error), failure);
});

test('the log has a line at the start of a pull and one at its end', () => {
  const lines: [string, string, object][] = [];
  const keep =
    (level: string): Logger['info'] =>
    (fields, message) =>
      void lines.push([level, message, fields]);
  const logger = { ...silentLogger, info: keep('info'), warn: keep('warn'), debug: keep('debug') };
  const [first, second] = [logPull(logger), logPull(logger)];
  for (const event of begun) first(event);
  second({ kind: 'started', image });
  second({ kind: 'failed', image, error: unreachable });
  first({ kind: 'done', image, imageId: 'i' });
  assert.deepEqual(
    lines.map(([level, message]) => `${level} ${message}`),
    ['info pulling image', 'info pulling image', 'warn image was not pulled', 'info pulled image'],
  );
  const { seconds, ...figures } = (lines[3]?.[2] ?? {}) as { seconds?: unknown };
  assert.equal(typeof seconds, 'number');
  assert.deepEqual(figures, { image, imageId: 'i', receivedBytes: 20_000_000, layers: 2, layersReused: 1 });
});

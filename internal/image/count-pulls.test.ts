import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DaemonError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import { silentLogger } from '../log/logger.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { countPulls, failureOf } from './count-pulls.ts';
import { logPulls } from './log-pulls.ts';
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
  const listener = countPulls(metrics.images);
  for (const event of [...begun, { kind: 'unpacked', image, layer: 1 } as const]) listener(event);
  listener({ kind: 'done', image, imageId: 'i' });
  listener({ kind: 'failed', image, error: unreachable });
  const { text } = await metrics.read();
  const lines = text.split('\n').map((line) => line.replace('container_runtime_crio_', ''));
  for (const line of [
    `image_pulls_bytes_total{mediatype="${mediaType}",size=">10 MiB"} 20000000`,
    'image_pulls_skipped_bytes_total{size=">1 MiB"} 3000000',
    'image_layer_reuse_total{name="r.io/team/app"} 1',
    'image_pulls_success_total 1',
    'image_pulls_failure_total{error="CONNECTION_REFUSED"} 1',
    'image_pulls_layer_size_bucket{le="10000000"} 0',
    'image_pulls_layer_size_bucket{le="50000000"} 1',
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
  const listener = logPulls(logger);
  for (const event of begun) listener(event);
  listener({ kind: 'done', image, imageId: 'i' });
  listener({ kind: 'started', image });
  listener({ kind: 'failed', image, error: unreachable });
  assert.deepEqual(
    lines.map(([level, message]) => `${level} ${message}`),
    ['info pulling image', 'info pulled image', 'info pulling image', 'warn image was not pulled'],
  );
  const { seconds, ...figures } = (lines[1]?.[2] ?? {}) as { seconds?: unknown };
  assert.equal(typeof seconds, 'number');
  assert.deepEqual(figures, { image, imageId: 'i', receivedBytes: 20_000_000, layers: 2, layersReused: 1 });
});

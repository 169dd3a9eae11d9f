// Counts pulls.

import { DaemonError, type ErrorKind } from '../errors/daemon-error.ts';
import { isAbortError } from '../errors/errno.ts';
import type { ImageMetrics, PullFailure } from '../metrics/image-metrics.ts';
import { completeReference, formatRepository, parseReference } from '../registry/reference.ts';
import type { PullLayer, PullListener } from './pull-progress.ts';

/** Tells the metrics what one pull does. */
export function countPull(metrics: ImageMetrics): PullListener {
  let layers: readonly PullLayer[] = [];
  let receivedBytes: number[] = [];
  return (event) => {
    const { kind, image } = event;
    if (kind === 'layers') {
      layers = event.layers;
      receivedBytes = [];
      for (const layer of layers) {
        if (layer.isPresent) metrics.layerReused(layer, repositoryOf(image));
        else metrics.layerNeeded(layer);
      }
    } else if (kind === 'received') {
      const layer = layers[event.layer];
      if (layer === undefined) return;
      const before = receivedBytes[event.layer] ?? 0;
      receivedBytes[event.layer] = event.receivedBytes;
      // A layer that begins anew counts from its start: those bytes came too.
      const count = event.receivedBytes >= before ? event.receivedBytes - before : event.receivedBytes;
      metrics.bytesReceived(count, layer);
    } else if (kind === 'done') {
      metrics.pulled();
    } else if (kind === 'failed') {
      metrics.failed(failureOf(event.error));
    }
  };
}

function repositoryOf(image: string): string {
  const written = parseReference(image);
  return written?.host === undefined
    ? image
    : formatRepository(completeReference(written, written.host).repository);
}

const failures: Readonly<Partial<Record<ErrorKind, PullFailure>>> = {
  'not-found': 'NOT_FOUND',
  unauthenticated: 'UNAUTHORIZED',
  'permission-denied': 'DENIED',
  cancelled: 'CANCELLED',
  'deadline-exceeded': 'CONNECTION_TIMEOUT',
};

/** The prefixes are those that the kubelet reads; the reasons behind them are the registry client's own. */
export function failureOf(error: unknown): PullFailure {
  if (isAbortError(error)) return 'CANCELLED';
  if (!(error instanceof DaemonError)) return 'UNKNOWN';
  const { kind, message } = error;
  if (message.startsWith('SignatureValidationFailed: ')) return 'SIGNATURE_INVALID';
  if (!message.startsWith('RegistryUnavailable: ')) return failures[kind] ?? 'UNKNOWN';
  if (message.includes('connection refused')) return 'CONNECTION_REFUSED';
  return message.includes('does not answer') ? 'CONNECTION_TIMEOUT' : 'UNAVAILABLE';
}

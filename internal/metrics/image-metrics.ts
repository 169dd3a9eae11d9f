// What pulls cost and how they end, under CRI-O's names. Labels have few values: neither tags nor digests are among them.

import type { Collectors } from './collectors.ts';

/** Why a pull failed; the first three words are CRI-O's own, the others codes of the distribution specification. */
export type PullFailure =
  | 'CONNECTION_REFUSED'
  | 'CONNECTION_TIMEOUT'
  | 'NOT_FOUND'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'UNAVAILABLE'
  | 'SIGNATURE_INVALID'
  | 'CANCELLED'
  | 'UNKNOWN';

export interface FetchedLayer {
  readonly sizeBytes: number;
  readonly mediaType: string;
}

export interface ImageMetrics {
  /** A layer that is to be fetched. */
  layerNeeded(layer: FetchedLayer): void;
  /** Bytes of a layer that have come. */
  bytesReceived(bytes: number, layer: FetchedLayer): void;
  /** A layer that the store had: of an image of this repository. */
  layerReused(layer: FetchedLayer, repository: string): void;
  pulled(): void;
  failed(failure: PullFailure): void;
}

const mebibyte = 1024 * 1024;
const sizes: readonly (readonly [bytes: number, text: string])[] = [
  [10 * 1024 * mebibyte, '>10 GiB'],
  [1024 * mebibyte, '>1 GiB'],
  [500 * mebibyte, '>500 MiB'],
  [400 * mebibyte, '>400 MiB'],
  [300 * mebibyte, '>300 MiB'],
  [200 * mebibyte, '>200 MiB'],
  [100 * mebibyte, '>100 MiB'],
  [50 * mebibyte, '>50 MiB'],
  [10 * mebibyte, '>10 MiB'],
  [mebibyte, '>1 MiB'],
  [1024, '>1 KiB'],
];

function sizeLabel(bytes: number): string {
  return sizes.find(([least]) => bytes > least)?.[1] ?? '>0 B';
}

export function imageMetrics(collectors: Collectors): ImageMetrics {
  const layerSize = collectors.histogram(
    { name: 'image_pulls_layer_size', help: 'Bytes of the layers that pulls fetched, as they came.' },
    [1e3, 1e6, 1e7, 5e7, 1e8, 2e8, 3e8, 4e8, 5e8, 1e9, 1e10],
  );
  const bytes = collectors.counter({
    name: 'image_pulls_bytes_total',
    help: 'Bytes of layers that pulls received, by media type and size of the layer.',
    labels: ['mediatype', 'size'] as const,
  });
  const skipped = collectors.counter({
    name: 'image_pulls_skipped_bytes_total',
    help: 'Bytes of layers that pulls did not fetch because the store had them, by size of the layer.',
    labels: ['size'] as const,
  });
  const reused = collectors.counter({
    name: 'image_layer_reuse_total',
    help: 'Layers that pulls found in the store, by repository of the image.',
    labels: ['name'] as const,
  });
  const successes = collectors.counter({ name: 'image_pulls_success_total', help: 'Pulls that succeeded.' });
  const failures = collectors.counter({
    name: 'image_pulls_failure_total',
    help: 'Pulls that failed, by reason.',
    labels: ['error'] as const,
  });
  return {
    layerNeeded: ({ sizeBytes }) => layerSize.observe(sizeBytes),
    bytesReceived: (count, { mediaType, sizeBytes }) =>
      bytes.inc({ mediatype: mediaType, size: sizeLabel(sizeBytes) }, count),
    layerReused({ sizeBytes }, repository) {
      skipped.inc({ size: sizeLabel(sizeBytes) }, sizeBytes);
      reused.inc({ name: repository });
    },
    pulled: () => successes.inc(),
    failed: (error) => failures.inc({ error }),
  };
}

import type { Logger } from '../log/logger.ts';
import type { PullLayer, PullListener } from './pull-progress.ts';

const intervalMs = 1000;

/** Logs how far each layer is, at most once a second; a layer that takes less logs nothing. */
export function logPulls(logger: Logger): PullListener {
  const pulls = new Map<string, { layers: readonly PullLayer[]; loggedAtMs: number[] }>();
  return (event) => {
    const { kind, image } = event;
    if (kind === 'layers') {
      pulls.set(image, { layers: event.layers, loggedAtMs: event.layers.map(() => performance.now()) });
    } else if (kind === 'done' || kind === 'failed') {
      pulls.delete(image);
    } else if (kind === 'received') {
      const pull = pulls.get(image);
      const layer = pull?.layers[event.layer];
      if (pull === undefined || layer === undefined) return;
      const nowMs = performance.now();
      if (nowMs - (pull.loggedAtMs[event.layer] ?? 0) < intervalMs) return;
      pull.loggedAtMs[event.layer] = nowMs;
      const { receivedBytes } = event;
      logger.debug(
        { image, layer: layer.digest, receivedBytes, totalBytes: layer.sizeBytes },
        'fetching layer',
      );
    }
  };
}

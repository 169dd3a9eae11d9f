// The log's lines about pulls: one when a pull starts, one when it ends, and in between how far it is.

import { describeError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import type { PullLayer, PullListener } from './pull-progress.ts';

const intervalMs = 1000;

interface RunningPull {
  readonly startedAtMs: number;
  layers: readonly PullLayer[];
  receivedBytes: number[];
  loggedAtMs: number[];
}

/** Logs one pull's start and end, and for those who debug each layer that takes longer than a second. */
export function logPull(logger: Logger): PullListener {
  let pull: RunningPull | undefined;
  return (event) => {
    const { kind, image } = event;
    switch (kind) {
      case 'started':
        pull = { startedAtMs: performance.now(), layers: [], receivedBytes: [], loggedAtMs: [] };
        logger.info({ image }, 'pulling image');
        return;
      case 'layers':
        if (pull === undefined) return;
        pull.layers = event.layers;
        pull.loggedAtMs = event.layers.map(() => performance.now());
        return;
      case 'received':
        if (pull !== undefined) received(logger, image, pull, event);
        return;
      case 'unpacked':
        return;
      default: {
        const figures = pull === undefined ? {} : figuresOf(pull);
        if (kind === 'done') logger.info({ image, imageId: event.imageId, ...figures }, 'pulled image');
        else logger.warn({ image, ...figures, error: describeError(event.error) }, 'image was not pulled');
      }
    }
  };
}

function received(
  logger: Logger,
  image: string,
  pull: RunningPull,
  event: { readonly layer: number; readonly receivedBytes: number },
): void {
  const { layer: index, receivedBytes } = event;
  pull.receivedBytes[index] = receivedBytes;
  const layer = pull.layers[index];
  const nowMs = performance.now();
  if (layer === undefined || nowMs - (pull.loggedAtMs[index] ?? 0) < intervalMs) return;
  pull.loggedAtMs[index] = nowMs;
  const totalBytes = layer.sizeBytes;
  logger.debug({ image, layer: layer.digest, receivedBytes, totalBytes }, 'fetching layer');
}

function figuresOf({ startedAtMs, layers, receivedBytes }: RunningPull): Record<string, number> {
  return {
    receivedBytes: receivedBytes.reduce((sum, bytes) => sum + (bytes ?? 0), 0),
    seconds: Math.round(performance.now() - startedAtMs) / 1000,
    layers: layers.length,
    layersReused: layers.filter(({ isPresent }) => isPresent).length,
  };
}

import type { Logger } from '../log/logger.ts';

export interface Transfer {
  readonly layer: string;
  readonly totalBytes: number;
}

const intervalMs = 1000;

/** Passes `blob` on and logs how far it is, at most once a second; a small layer logs nothing. */
export async function* withProgress(
  blob: AsyncIterable<Uint8Array>,
  transfer: Transfer,
  logger: Logger,
): AsyncGenerator<Uint8Array> {
  let receivedBytes = 0;
  let loggedAtMs = performance.now();
  for await (const chunk of blob) {
    receivedBytes += chunk.length;
    yield chunk;
    const nowMs = performance.now();
    if (nowMs - loggedAtMs < intervalMs) continue;
    loggedAtMs = nowMs;
    logger.debug({ ...transfer, receivedBytes }, 'fetching layer');
  }
}

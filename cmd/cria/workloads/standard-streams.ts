// The standard streams of this process, for what goes through them as it is.

import type { Writable } from 'node:stream';

/**
 * Resolves when `stream` takes more: true, or false when nothing can be written any more; the terminal tells why. Rejects with the
 * signal's reason, also while the stream's reader takes nothing.
 */
export function writeTo(stream: Writable, bytes: Uint8Array | string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    stream.write(bytes, (cause) => {
      signal.removeEventListener('abort', abort);
      resolve(!cause);
    });
  });
}

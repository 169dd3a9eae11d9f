// Work on many things at once that is worth nothing when one of them fails.

import { setMaxListeners } from 'node:events';

/** Runs `body` for all items; the first failure aborts the others and is thrown when all have ended. */
export async function allOrNone<T>(
  signal: AbortSignal,
  items: readonly T[],
  body: (item: T, stop: AbortSignal) => Promise<void>,
): Promise<void> {
  signal.throwIfAborted();
  const stop = new AbortController();
  setMaxListeners(0, stop.signal); // one for each item that waits or runs: no leak
  const pass = (): void => stop.abort(signal.reason);
  signal.addEventListener('abort', pass, { once: true });
  try {
    const running = items.map((item) => body(item, stop.signal).catch((cause: unknown) => stop.abort(cause)));
    await Promise.all(running);
    stop.signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', pass);
  }
}

// Waiting for what another process does.

import { setTimeout as sleep } from 'node:timers/promises';

/** Long after which it will not come any more, however busy the machine is. */
export const patienceMs = 120_000;

/**
 * Resolves when it holds; rejects when it does not come, whatever the clock of the machine is set to meanwhile, with what is
 * said then: a figure, say, that is still wrong.
 */
export async function until(
  what: string | (() => string),
  holds: () => boolean | Promise<boolean>,
  timeoutMs = patienceMs,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`still not: ${typeof what === 'string' ? what : what()}`);
    await sleep(10);
  }
}

// Joins concurrent requests for the same work. The kubelet's retry after its own deadline finds the running work here.

import { waitFor } from './wait-for.ts';

/**
 * Runs one `work` per key at a time. A caller's signal ends only its own waiting; the work goes on and its result
 * goes to everybody who still waits or joins before it ends.
 */
export class SingleFlight<T> {
  readonly #running = new Map<string, Promise<T>>();

  /** Joins the running work of `key`, or starts it. */
  async run(key: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    let flight = this.#running.get(key);
    if (flight === undefined) {
      const started = work().finally(() => this.#running.delete(key));
      started.catch(() => {}); // every waiter may be gone; the failure is then nobody's
      this.#running.set(key, started);
      flight = started;
    }
    return waitFor(flight, signal);
  }

  /** True while work for `key` runs. */
  has(key: string): boolean {
    return this.#running.has(key);
  }

  /** Settles when all work that runs now has ended, however it ended. */
  async idle(): Promise<void> {
    await Promise.allSettled([...this.#running.values()]);
  }
}

// The clients that are served now: counted, limited for each container and pod, and ended together.

import { DaemonError } from '../errors/daemon-error.ts';
import type { StreamMetrics } from '../metrics/stream-metrics.ts';
import type { StreamKind } from './stream-ticket.ts';

/** Far above what people and their tools use at once, and so that one pod cannot take all of the node's processes. */
export const sessionsMax = 128;

export class LiveSessions {
  readonly #metrics: StreamMetrics;
  /** By container or sandbox. */
  readonly #counts = new Map<string, number>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #end = new AbortController();

  constructor(metrics: StreamMetrics) {
    this.#metrics = metrics;
  }

  /** `resource-exhausted` when the container or sandbox has as many sessions as it may have. */
  requireRoom(kind: StreamKind, owner: string): void {
    if ((this.#counts.get(owner) ?? 0) < sessionsMax) return;
    this.#metrics.refused(kind);
    const what = kind === 'portforward' ? 'sandbox' : 'container';
    const text = `${what} "${owner}" has ${sessionsMax} streaming sessions already`;
    throw new DaemonError('resource-exhausted', `${text}; end one of them first`);
  }

  /** Serves a client; `serve` never rejects, and ends soon after its signal, which means that all sessions are ended. */
  async run<T>(kind: StreamKind, owner: string, serve: (end: AbortSignal) => Promise<T>): Promise<T> {
    this.#counts.set(owner, (this.#counts.get(owner) ?? 0) + 1);
    this.#metrics.began(kind);
    const running = serve(this.#end.signal);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
      this.#metrics.ended(kind);
      const left = (this.#counts.get(owner) ?? 1) - 1;
      if (left > 0) this.#counts.set(owner, left);
      else this.#counts.delete(owner);
    }
  }

  /** Ends all sessions; resolves when none is left. */
  async end(): Promise<void> {
    this.#end.abort(new DaemonError('unavailable', 'the container runtime is being stopped'));
    await Promise.all(this.#running);
  }
}

// The clients that are served now: counted, limited for each container and pod, and ended together.

import { DaemonError } from '../errors/daemon-error.ts';
import type { StreamMetrics } from '../metrics/stream-metrics.ts';
import type { StreamKind } from './stream-ticket.ts';

/** Far above what people and their tools use at once, and so that one pod cannot take all of the node's processes. */
export const sessionsMax = 128;

/** The sessions of one kind that a container or sandbox has. */
export interface SessionCount {
  readonly kind: StreamKind;
  readonly owner: string;
  readonly count: number;
}

export class LiveSessions {
  readonly #metrics: StreamMetrics;
  readonly #running = new Map<Promise<unknown>, Omit<SessionCount, 'count'>>();
  readonly #end = new AbortController();

  constructor(metrics: StreamMetrics) {
    this.#metrics = metrics;
  }

  /** `resource-exhausted` when the container or sandbox has as many sessions as it may have. */
  requireRoom(kind: StreamKind, owner: string): void {
    const own = this.list().filter((counted) => counted.owner === owner);
    if (own.reduce((sum, { count }) => sum + count, 0) < sessionsMax) return;
    this.#metrics.refused(kind);
    const what = kind === 'portforward' ? 'sandbox' : 'container';
    const text = `${what} "${owner}" has ${sessionsMax} streaming sessions already`;
    throw new DaemonError('resource-exhausted', `${text}; end one of them first`);
  }

  /** Serves a client; `serve` never rejects, and ends soon after its signal, which means that all sessions are ended. */
  async run<T>(kind: StreamKind, owner: string, serve: (end: AbortSignal) => Promise<T>): Promise<T> {
    this.#metrics.began(kind);
    const running = serve(this.#end.signal);
    this.#running.set(running, { kind, owner });
    try {
      return await running;
    } finally {
      this.#running.delete(running);
      this.#metrics.ended(kind);
    }
  }

  /** Those with at least one, in the order in which they began. */
  list(): SessionCount[] {
    const counts = new Map<string, SessionCount>();
    for (const { kind, owner } of this.#running.values()) {
      const key = `${kind} ${owner}`;
      counts.set(key, { kind, owner, count: (counts.get(key)?.count ?? 0) + 1 });
    }
    return [...counts.values()];
  }

  /** Ends all sessions; resolves when none is left. */
  async end(): Promise<void> {
    this.#end.abort(new DaemonError('unavailable', 'the container runtime is being stopped'));
    await Promise.all(this.#running.keys());
  }
}

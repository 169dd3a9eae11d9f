// The clients that are served now: counted, limited for each container and pod, and ended together.

import { DaemonError } from '../errors/daemon-error.ts';
import type { StreamMetrics } from '../metrics/stream-metrics.ts';
import { type StreamKind, streamKinds } from './stream-ticket.ts';

/** Far above what people and their tools use at once, and so that one pod cannot take all of the node's processes. */
export const sessionsMax = 128;

/** The sessions of one kind that a container or sandbox has. */
export interface SessionCount {
  readonly kind: StreamKind;
  readonly owner: string;
  readonly count: number;
}

/** Knows who is served; who serves asks for room first, and is told of the end of all. */
export class LiveSessions {
  readonly #metrics: StreamMetrics;
  readonly #running = new Set<Promise<unknown>>();
  /** By kind and owner; none is 0. */
  readonly #counts = new Map<string, SessionCount>();
  readonly #end = new AbortController();

  constructor(metrics: StreamMetrics) {
    this.#metrics = metrics;
  }

  /** `resource-exhausted` when the container or sandbox has as many sessions as it may have. */
  requireRoom(kind: StreamKind, owner: string): void {
    const own = streamKinds.map((each) => this.#counts.get(keyOf(each, owner))?.count ?? 0);
    if (own.reduce((sum, count) => sum + count, 0) < sessionsMax) return;
    this.#metrics.refused(kind);
    const what = kind === 'portforward' ? 'sandbox' : 'container';
    const text = `${what} "${owner}" has ${sessionsMax} streaming sessions already`;
    throw new DaemonError('resource-exhausted', `${text}; end one of them first`);
  }

  /** Serves a client; `serve` never rejects, and ends soon after its signal, which means that all sessions are ended. */
  async run<T>(kind: StreamKind, owner: string, serve: (end: AbortSignal) => Promise<T>): Promise<T> {
    this.#metrics.began(kind);
    this.#count(kind, owner, 1);
    const running = serve(this.#end.signal);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
      this.#metrics.ended(kind);
      this.#count(kind, owner, -1);
    }
  }

  /** Those with at least one, in the order in which they began. */
  list(): SessionCount[] {
    return [...this.#counts.values()];
  }

  /** Ends all sessions; resolves when none is left. */
  async end(): Promise<void> {
    this.#end.abort(new DaemonError('unavailable', 'the container runtime is being stopped'));
    await Promise.all(this.#running);
  }

  #count(kind: StreamKind, owner: string, change: number): void {
    const key = keyOf(kind, owner);
    const count = (this.#counts.get(key)?.count ?? 0) + change;
    if (count > 0) this.#counts.set(key, { kind, owner, count });
    else this.#counts.delete(key);
  }
}

function keyOf(kind: StreamKind, owner: string): string {
  return `${kind} ${owner}`;
}

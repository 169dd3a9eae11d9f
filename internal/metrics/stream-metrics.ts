// Sessions of exec, attach and port-forward. Names of our own: CRI-O counts nothing of them.

import { Counter, Gauge, type Registry } from 'prom-client';

export interface StreamMetrics {
  /** `kind` is `exec`, `attach` or `portforward`. */
  began(kind: string): void;
  ended(kind: string): void;
  /** A client was turned away: too many sessions. */
  refused(kind: string): void;
}

export function streamMetrics(registry: Registry): StreamMetrics {
  const settings = { labelNames: ['kind'] as const, registers: [registry] };
  const live = new Gauge({
    name: 'cria_stream_sessions',
    help: 'Clients that are connected for exec, attach or port-forward.',
    ...settings,
  });
  const total = new Counter({
    name: 'cria_stream_sessions_total',
    help: 'Clients that have connected for exec, attach or port-forward.',
    ...settings,
  });
  const refused = new Counter({
    name: 'cria_stream_sessions_refused_total',
    help: 'Clients that were turned away because their container or pod had too many sessions.',
    ...settings,
  });
  for (const kind of ['exec', 'attach', 'portforward']) live.set({ kind }, 0);
  return {
    began(kind) {
      live.inc({ kind });
      total.inc({ kind });
    },
    ended: (kind) => live.dec({ kind }),
    refused: (kind) => refused.inc({ kind }),
  };
}

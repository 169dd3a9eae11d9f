// The native helpers that died, and what was done about it. Names of our own: CRI-O has nothing like it.

import { Counter, type Registry } from 'prom-client';

export interface MonitorMetrics {
  /** A monitor died, and another one went on in its place. */
  adopted(): void;
  /** The spawner died and was started again. */
  spawnerRestarted(): void;
}

export function monitorMetrics(registry: Registry): MonitorMetrics {
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers: [registry] });
  const adoptions = counter(
    'cria_monitors_adopted_total',
    'Monitors that died and were replaced by another.',
  );
  const restarts = counter(
    'cria_spawner_restarts_total',
    'Times that the spawner died and was started again.',
  );
  return { adopted: () => adoptions.inc(), spawnerRestarted: () => restarts.inc() };
}

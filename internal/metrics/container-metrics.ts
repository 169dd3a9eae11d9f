// What happens to containers without anybody's asking. The label `name` is the container's full name,
// `k8s_<container>_<pod>_<namespace>_<uid>_<attempt>`; it goes with the container.

import type { Collectors } from './collectors.ts';

export interface ContainerMetrics {
  /** The kernel killed a process of the container for memory. */
  oomKilled(name: string): void;
  /** The container's monitor died while the container ran. */
  monitorLost(name: string): void;
  /** The container is removed: nothing is told of it any more. */
  removed(name: string): void;
}

export function containerMetrics(collectors: Collectors): ContainerMetrics {
  const labels = ['name'] as const;
  const oomTotal = collectors.counter({
    name: 'containers_oom_total',
    help: 'Containers that the kernel killed for memory.',
  });
  const oomByName = collectors.counter({
    name: 'containers_oom_count_total',
    help: 'Kills for memory, by container.',
    labels,
  });
  const lostMonitors = collectors.counter({
    name: 'containers_stopped_monitor_count',
    help: 'Monitors that died while their container ran, by container.',
    labels,
  });
  return {
    oomKilled(name) {
      oomTotal.inc();
      oomByName.inc({ name });
    },
    monitorLost: (name) => lostMonitors.inc({ name }),
    removed(name) {
      oomByName.remove({ name });
      lostMonitors.remove({ name });
    },
  };
}

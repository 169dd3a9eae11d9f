// How pods and containers look to people.

import type { Container, Pod, Sessions } from '../workloads/workload.ts';
import { formatTable, printable } from './table.ts';

const shownId = (id: string): string => id.slice(0, 13);

/** One line for each container. `now` is what ages count from. */
export function formatContainers(containers: readonly Container[], now: Date): string {
  const rows = containers.map(({ id, name, podName, podNamespace, state, attempt, createdAt, image }) => [
    shownId(id),
    name,
    `${podNamespace}/${podName}`,
    state,
    String(attempt),
    formatAge(createdAt, now),
    image,
  ]);
  return table([['CONTAINER ID', 'NAME', 'POD', 'STATE', 'ATTEMPT', 'AGE', 'IMAGE'], ...rows]);
}

/** One line for each pod; `addresses` are by id. */
export function formatPods(
  pods: readonly Pod[],
  addresses: ReadonlyMap<string, readonly string[]>,
  now: Date,
): string {
  const rows = pods.map(({ id, name, namespace, state, attempt, createdAt, runtimeHandler }) => [
    shownId(id),
    namespace,
    name,
    state,
    String(attempt),
    formatAge(createdAt, now),
    runtimeHandler || '-',
    addresses.get(id)?.join(',') || '-',
  ]);
  return table([['POD ID', 'NAMESPACE', 'NAME', 'STATE', 'ATTEMPT', 'AGE', 'RUNTIME', 'IP'], ...rows]);
}

/** One line for each container or pod and kind. */
export function formatSessions(sessions: readonly Sessions[]): string {
  const rows = sessions.map(({ kind, podName, podNamespace, container, count }) => [
    kind,
    `${podNamespace}/${podName}`,
    container ?? '-',
    String(count),
  ]);
  return table([['KIND', 'POD', 'CONTAINER', 'SESSIONS'], ...rows]);
}

function table(rows: readonly (readonly string[])[]): string {
  return formatTable(rows.map((row) => row.map(printable)));
}

const units: readonly (readonly [name: string, seconds: number])[] = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
];

/** `45s`, `12m`, `3h`, `2d`: the largest unit of which there are two, so that little is lost. */
export function formatAge(since: Date, now: Date): string {
  const seconds = Math.max(0, Math.floor((now.getTime() - since.getTime()) / 1000));
  const [name, size] = units.find(([, unit]) => seconds >= 2 * unit) ?? ['s', 1];
  return `${Math.floor(seconds / size)}${name}`;
}

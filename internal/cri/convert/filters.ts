// Filters of the List calls. An empty part of a filter matches everything; ids are compared as they are, since only
// the stores can tell which id a prefix means.

import type { ContainerFilter__Output } from '../gen/runtime/v1/ContainerFilter.ts';
import type { ContainerStatsFilter__Output } from '../gen/runtime/v1/ContainerStatsFilter.ts';
import type { PodSandboxFilter__Output } from '../gen/runtime/v1/PodSandboxFilter.ts';
import type { PodSandboxStatsFilter__Output } from '../gen/runtime/v1/PodSandboxStatsFilter.ts';
import { type ContainerState, containerStates } from './container-status.ts';
import { fromEnum } from './fields.ts';
import { type SandboxState, sandboxStates } from './pod-sandbox-status.ts';

export interface SandboxFilter {
  /** Empty for any. */
  readonly id: string;
  readonly state: SandboxState | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ContainerFilter {
  readonly id: string;
  readonly sandboxId: string;
  readonly state: ContainerState | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

type Absent = null | undefined;

/** For both ListPodSandbox and the stats of sandboxes, which have no state. */
export function sandboxFilter(
  message: PodSandboxFilter__Output | PodSandboxStatsFilter__Output | Absent,
): SandboxFilter {
  const state = message && 'state' in message ? message.state : undefined;
  return {
    id: message?.id ?? '',
    state: state ? fromEnum<SandboxState>(sandboxStates, state.state, 'filter.state') : undefined,
    labels: message?.labelSelector ?? {},
  };
}

/** For both ListContainers and the stats of containers, which have no state. */
export function containerFilter(
  message: ContainerFilter__Output | ContainerStatsFilter__Output | Absent,
): ContainerFilter {
  const state = message && 'state' in message ? message.state : undefined;
  return {
    id: message?.id ?? '',
    sandboxId: message?.podSandboxId ?? '',
    state: state ? fromEnum<ContainerState>(containerStates, state.state, 'filter.state') : undefined,
    labels: message?.labelSelector ?? {},
  };
}

/** Whether every part of the filter that is not empty holds for the sandbox. */
export function matchesSandbox(
  filter: SandboxFilter,
  sandbox: {
    readonly id: string;
    readonly state: SandboxState;
    readonly labels: Readonly<Record<string, string>>;
  },
): boolean {
  return (
    (filter.id === '' || filter.id === sandbox.id) &&
    (filter.state === undefined || filter.state === sandbox.state) &&
    hasLabels(sandbox.labels, filter.labels)
  );
}

/** Whether every part of the filter that is not empty holds for the container. */
export function matchesContainer(
  filter: ContainerFilter,
  container: {
    readonly id: string;
    readonly sandboxId: string;
    readonly state: ContainerState;
    readonly labels: Readonly<Record<string, string>>;
  },
): boolean {
  return (
    (filter.id === '' || filter.id === container.id) &&
    (filter.sandboxId === '' || filter.sandboxId === container.sandboxId) &&
    (filter.state === undefined || filter.state === container.state) &&
    hasLabels(container.labels, filter.labels)
  );
}

function hasLabels(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(
    ([name, value]) => Object.hasOwn(labels, name) && labels[name] === value,
  );
}

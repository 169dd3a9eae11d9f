// A pod sandbox as the daemon knows it: what never changes (metadata) apart from what does (status).
//
//   creating ──▶ ready ──▶ not-ready ──▶ (removed)
//       └──▶ (undone: never visible)
//
// `creating` is on disk only, so that a daemon that died in the middle finds what to undo. A sandbox is `not-ready` when it was
// stopped, when its infra container died, or after a reboot; only `tornDown` says that nothing of it is left in the kernel.

import type { LinuxResources } from '../container/container-config.ts';
import type { CreatedContainer } from '../monitor/monitor.ts';
import type { PinnedNamespaces } from '../namespaces/namespace-pinner.ts';
import type { RecordedRuntime } from '../oci/oci-runtime.ts';
import type { NamedRecord } from '../records/record-store.ts';
import type { Labels } from '../selinux/selinux.ts';
import type { IdMaps } from '../sys/id-maps.ts';
import type { SandboxConfig } from './sandbox-config.ts';

/** Written once, when the creation begins. */
export interface SandboxRecord {
  readonly id: string;
  /** `k8s_<pod>_<namespace>_<uid>_<attempt>`. */
  readonly name: string;
  readonly config: SandboxConfig;
  readonly createdAtNanos: bigint;
  readonly runtimeHandler: string;
  /** Undefined in records of earlier versions. */
  readonly runtime?: RecordedRuntime;
  readonly cgroupParent: string;
  /** Of SELinux; undefined in records of earlier versions. */
  readonly labels?: Labels;
  /** Of the user namespace that an annotation asks for; those of one that the kubelet asks for are in `config`. */
  readonly chosenIdMaps?: IdMaps;
  /** Of the pod's /dev/shm, where an annotation says it. */
  readonly shmSizeBytes?: number;
  /** The pod's host name: the request's, or the node's for a pod on the host's network. */
  readonly hostname: string;
}

/** Rewritten at each change of state. */
export interface SandboxStatus {
  readonly state: 'creating' | 'ready' | 'not-ready';
  /** Primary address first; empty on the host's network. */
  readonly ips: readonly string[];
  readonly namespaces: PinnedNamespaces;
  /** The infra container's init; undefined in a pod without one. */
  readonly infra: CreatedContainer | undefined;
  readonly tornDown: boolean;
}

/** Of a sandbox of which the kernel has nothing that is known. */
export function bareStatus(state: SandboxStatus['state']): SandboxStatus {
  const namespaces = { network: undefined, ipc: undefined, uts: undefined };
  return { state, ips: [], namespaces, infra: undefined, tornDown: false };
}

/** Of the pod as a whole; undefined where nobody said anything. */
export interface PodResources {
  /** What the pod costs beside its containers (RuntimeClass). */
  readonly overhead: LinuxResources | undefined;
  readonly resources: LinuxResources | undefined;
}

/** The record in memory. Only `setStatus` changes it, after the disk. */
export class Sandbox implements NamedRecord {
  readonly record: SandboxRecord;
  /** True once a stop has begun: no container is created in it any more. */
  stopping = false;
  /** What was named since the sandbox was made; on disk too. */
  updatedResources: PodResources | undefined;
  /** Container creations that run now; a stop waits for them. */
  readonly creations = new Set<Promise<unknown>>();
  /** One for each connection into the pod, from its dialling to its end; aborted by a stop. */
  readonly connections = new Set<AbortController>();
  #status: SandboxStatus;

  constructor(record: SandboxRecord, status: SandboxStatus) {
    this.record = record;
    this.#status = status;
  }

  get id(): string {
    return this.record.id;
  }

  get name(): string {
    return this.record.name;
  }

  get status(): SandboxStatus {
    return this.#status;
  }

  setStatus(status: SandboxStatus): void {
    this.#status = status;
  }
}

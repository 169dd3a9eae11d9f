// A container as the daemon knows it: what never changes (metadata) apart from what does (status).
//
//   creating ──▶ created ──▶ running ──▶ exited ──▶ (removed)
//       │           └────────────────────▲ a kill before the start
//       └──▶ (undone: never visible)
//
// `creating` is on disk only, so that a daemon that died in the middle finds what to undo.

import type { RecordedRuntime } from '../oci/oci-runtime.ts';
import type { ProcessSpec } from '../oci/runtime-spec.ts';
import type { NamedRecord } from '../records/record-store.ts';
import type { TuningWishes } from '../tuning/tuning.ts';
import type { ContainerConfig, LinuxResources } from './container-config.ts';
import type { ImageVolume } from './image-volumes.ts';

/** Exit code of a container whose process never ran, as other runtimes report it. */
export const startErrorCode = 128;

export type ContainerState = 'creating' | 'created' | 'running' | 'exited';

/** Written once, when the creation begins. */
export interface ContainerMetadata {
  readonly id: string;
  /** `k8s_<container>_<pod>_<namespace>_<uid>_<attempt>`. */
  readonly name: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  readonly createdAtNanos: bigint;
  readonly runtimeHandler: string;
  /** Undefined in records of earlier versions. */
  readonly runtime?: RecordedRuntime;
  readonly cgroupParent: string;
  readonly imageId: string;
  /** A repo digest of the image; empty where it has none. */
  readonly imageRef: string;
  readonly imageVolumes: readonly ImageVolume[];
  /** Absolute; undefined when the request names no log. */
  readonly logPath: string | undefined;
  /** A link to the log by the container's id, which its pod asks for. */
  readonly logLink?: string;
  /** True: no CFS quota holds for the container, whatever an update says. */
  readonly noQuota?: boolean;
  /** What it asks of its CPUs while it runs. */
  readonly tuning?: TuningWishes;
  /** Full name, such as `SIGTERM`. */
  readonly stopSignal: string;
  /** Its processes are of its pod's own kernel: the init that the host sees is one that stands for it. */
  readonly hasStandIn?: boolean;
  /** False when processes can outlive the init, because it is not pid 1 of a namespace of its own. */
  readonly ownPidNamespace: boolean;
}

/** Rewritten at each change of state. */
export interface ContainerStatus {
  readonly state: ContainerState;
  /** The init: pid with its start time, field 22 of /proc/PID/stat; 0 before there is one. */
  readonly pid: number;
  readonly startTicks: string;
  readonly monitorPid: number;
  /** 0 before it happened. */
  readonly startedAtNanos: bigint;
  readonly finishedAtNanos: bigint;
  readonly exitCode: number;
  /** `Completed`, `Error`, `OOMKilled`, `StartError`, `CreateError` or `MonitorLost`; empty before the exit. */
  readonly reason: string;
  readonly message: string;
  /** uid, gid and groups of the first process. */
  readonly user: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
  /** The limits that are applied now. */
  readonly resources: LinuxResources;
}

/** What commands in a container have from the spec that it was made with. */
export interface ExecBase {
  readonly process: ProcessSpec;
  /** The host's ids of its process. */
  readonly owner: { readonly uid: number; readonly gid: number };
}

/** The record in memory. Only `setStatus` changes it, under the container's lock and after the disk. */
export class Container implements NamedRecord {
  readonly metadata: ContainerMetadata;
  /** Resolves when the exit is recorded. */
  readonly exited: Promise<void>;
  /** True once runtime state, cgroup and rootfs mount of the ended container are gone. */
  released = false;
  /** True once a removal has begun; such a container is not started and takes no exec. */
  removing = false;
  /** End of the shortest grace period that a stop has asked for, on the monotonic clock; undefined without a stop. */
  killAtMs: number | undefined;
  /** Undefined until the first exec has read it: a probe comes every few seconds, and the spec stays the same. */
  execBase: ExecBase | undefined;
  #status: ContainerStatus;
  #setExited: () => void = () => {};

  constructor(metadata: ContainerMetadata, status: ContainerStatus) {
    this.metadata = metadata;
    this.#status = status;
    this.exited = new Promise((resolve) => {
      this.#setExited = resolve;
    });
    if (status.state === 'exited') this.#setExited();
  }

  get id(): string {
    return this.metadata.id;
  }

  get name(): string {
    return this.metadata.name;
  }

  get status(): ContainerStatus {
    return this.#status;
  }

  setStatus(status: ContainerStatus): void {
    this.#status = status;
    if (status.state === 'exited') this.#setExited();
  }
}

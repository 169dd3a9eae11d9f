// The request for a container in our own words. `internal/cri/convert` makes it from the CRI message.

import type { SELinuxOptions } from '../selinux/selinux.ts';
import type { IdMaps } from '../sys/id-maps.ts';

/** How a namespace is shared; the CRI's NamespaceMode. */
export type NamespaceMode = 'pod' | 'container' | 'node' | 'target';

export type SecurityProfile =
  | { readonly type: 'runtime-default' }
  | { readonly type: 'unconfined' }
  | { readonly type: 'localhost'; readonly localhostRef: string };

export interface ContainerMetadata {
  readonly name: string;
  readonly attempt: number;
}

export interface ContainerMount {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly readonly: boolean;
  readonly recursiveReadOnly: boolean;
  readonly selinuxRelabel: boolean;
  readonly propagation: 'private' | 'host-to-container' | 'bidirectional';
  /** Set for a volume made of an image: its id, tag or digest. */
  readonly image: string;
  readonly imageSubPath: string;
  /** The mount's ids inside and outside of the container, which has to be in a user namespace with the same. */
  readonly idMaps?: IdMaps | undefined;
  /** Never of a request: the source is read-only if that was asked for, and the runtime leaves it as it is. */
  readonly isAsSource?: boolean;
}

export interface ContainerDevice {
  readonly containerPath: string;
  readonly hostPath: string;
  /** Some of `r`, `w`, `m`. */
  readonly permissions: string;
}

export interface LinuxResources {
  /** 0 in each of these means not set. */
  readonly cpuPeriod: bigint;
  readonly cpuQuota: bigint;
  readonly cpuShares: bigint;
  readonly memoryLimitBytes: bigint;
  readonly memorySwapLimitBytes: bigint;
  readonly oomScoreAdj: number;
  readonly cpusetCpus: string;
  readonly cpusetMems: string;
  readonly hugepageLimits: readonly { readonly pageSize: string; readonly limitBytes: bigint }[];
  readonly unified: Readonly<Record<string, string>>;
}

export interface ContainerSecurity {
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
  readonly addAmbientCapabilities: readonly string[];
  readonly privileged: boolean;
  readonly pidMode: NamespaceMode;
  readonly networkMode: NamespaceMode;
  readonly ipcMode: NamespaceMode;
  readonly targetId: string;
  /** What the request says of the pod's user namespace; undefined where it says nothing of it. */
  readonly idMaps?: IdMaps | undefined;
  readonly runAsUser: number | undefined;
  readonly runAsGroup: number | undefined;
  readonly runAsUsername: string;
  readonly readonlyRootfs: boolean;
  readonly supplementalGroups: readonly number[];
  readonly supplementalGroupsPolicy: 'merge' | 'strict';
  readonly noNewPrivs: boolean;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly seccomp: SecurityProfile | undefined;
  readonly apparmor: SecurityProfile | undefined;
  readonly selinux: SELinuxOptions | undefined;
}

/** Immutable after CreateContainer; echoed by status. */
export interface ContainerConfig {
  readonly metadata: ContainerMetadata;
  /** What the request names: an image id or a reference. */
  readonly image: string;
  /** What the person wrote in the pod, when the kubelet says so. */
  readonly userSpecifiedImage: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly workingDir: string;
  readonly envs: readonly { readonly key: string; readonly value: string }[];
  readonly mounts: readonly ContainerMount[];
  readonly devices: readonly ContainerDevice[];
  readonly cdiDevices: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Relative to the sandbox's log directory. */
  readonly logPath: string;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  /** Signal name without a number such as `SIGUSR1`, or empty. */
  readonly stopSignal: string;
  readonly resources: LinuxResources;
  readonly security: ContainerSecurity;
}

// The request for a pod sandbox in our own words. `internal/cri/convert` makes it from the CRI message.

import type { LinuxResources, NamespaceMode, SecurityProfile } from '../container/container-config.ts';
import type { PortMapping } from '../network/pod-network.ts';
import type { SELinuxOptions } from '../selinux/selinux.ts';
import type { IdMaps } from '../sys/id-maps.ts';

export interface SandboxMetadata {
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  readonly attempt: number;
}

export interface NamespaceOptions {
  readonly network: NamespaceMode;
  readonly pid: NamespaceMode;
  readonly ipc: NamespaceMode;
  /** Container id whose pid namespace is joined, for mode `target`. */
  readonly targetId: string;
  /** The ids of the user namespace that the pod has of its own; undefined: the host's. */
  readonly idMaps?: IdMaps | undefined;
}

export interface DnsConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** Immutable after RunPodSandbox; echoed by status and handed to containers. */
export interface SandboxConfig {
  readonly metadata: SandboxMetadata;
  readonly hostname: string;
  readonly logDirectory: string;
  readonly dns: DnsConfig | undefined;
  readonly portMappings: readonly PortMapping[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly cgroupParent: string;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly namespaces: NamespaceOptions;
  readonly privileged: boolean;
  readonly selinux: SELinuxOptions | undefined;
  readonly seccomp: SecurityProfile | undefined;
  readonly runAsUser: number | undefined;
  readonly runAsGroup: number | undefined;
  readonly supplementalGroups: readonly number[];
  readonly readonlyRootfs: boolean;
  readonly overhead: LinuxResources | undefined;
  readonly resources: LinuxResources | undefined;
}

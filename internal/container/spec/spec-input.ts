// All that a container's spec is made of. Whoever fills this in has done the reading; nothing below touches a file.

import type { CdiEdits } from '../../cdi/cdi.ts';
import type { HookDefinition } from '../../hooks/hooks.ts';
import type { ImageConfig } from '../../image/images.ts';
import type { Labels } from '../../selinux/selinux.ts';
import type { IdMaps } from '../../sys/id-maps.ts';
import type { ContainerConfig } from '../container-config.ts';

/** Where a namespace comes from: the host's, a new one of the container, or one that is pinned at a path. */
export type NamespaceSource = 'host' | 'new' | { readonly path: string };

export interface PodUserNamespace {
  readonly path: string;
  readonly idMaps: IdMaps;
  /** A container that asks for a user or group of the host which is mapped has the one inside. */
  readonly takesHostIds?: boolean;
}

export interface SandboxFacts {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly podName: string;
  readonly podNamespace: string;
  readonly podUid: string;
  readonly hostname: string;
  readonly runtimeHandler: string;
  /** The pod's annotations; filtered before any of them reaches the OCI runtime. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly namespaces: {
    readonly network: NamespaceSource;
    readonly ipc: NamespaceSource;
    readonly uts: NamespaceSource;
    /** The pid namespace that the pod's containers share (the infra process's); undefined when there is none. */
    readonly pidPath: string | undefined;
  };
  /** The containers run in a kernel of the pod's, with the infra container: what they have of the host's is that kernel's. */
  readonly ownKernel: boolean;
  /** The user namespace of the pod, which owns its other ones; undefined: the host's. */
  readonly userNamespace?: PodUserNamespace | undefined;
  /** The pod's, from which its containers' are made. */
  readonly labels: Labels;
  /** The pod's tmpfs for /dev/shm; undefined when the pod uses the host's. */
  readonly shmPath: string | undefined;
  readonly resolvConfPath: string | undefined;
  readonly hostnamePath: string | undefined;
}

export interface HostDevice {
  readonly path: string;
  readonly type: 'c' | 'b';
  readonly major: number;
  readonly minor: number;
  /** Permission bits alone. */
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

/** A requested device and the nodes it stands for: itself, or all below it when `hostPath` is a directory. */
export interface RequestedDevice {
  readonly hostPath: string;
  readonly containerPath: string;
  /** Some of `r`, `w`, `m`; empty means all. */
  readonly permissions: string;
  readonly nodes: readonly HostDevice[];
}

/** The edits of CDI files, their device nodes completed with what the host has at their paths. */
export interface CdiRequest extends Omit<CdiEdits, 'deviceNodes'> {
  readonly nodes: readonly CdiNode[];
}

export interface CdiNode {
  /** With its path in the container. Owner: undefined where the file names none. */
  readonly node: Omit<HostDevice, 'uid' | 'gid' | 'type'> & { readonly type: 'b' | 'c' | 'p' };
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly permissions: string;
}

/** What the machine, the daemon's own rights and the runtime handler allow. */
export interface HostFacts {
  readonly architecture: 'amd64' | 'arm64';
  /** `major * 1000 + minor`, for profiles with a `minKernel`. */
  readonly kernelVersion: number;
  readonly cgroupV2: boolean;
  readonly swapAccounting: boolean;
  /** Sizes such as `2MB` that the hugetlb controller can limit; empty without one. */
  readonly hugetlbPageSizes: readonly string[];
  /** The daemon's own bounding set, with the `CAP_` prefix. */
  readonly boundingCapabilities: readonly string[];
  /** -1000 with CAP_SYS_RESOURCE, else the lowest value that the daemon may write. */
  readonly oomScoreAdjMin: number;
  /** The runtime handler knows the `rro` option and the kernel mount_setattr. */
  readonly recursiveReadOnlyMounts: boolean;
}

/** Options of the config file and of the runtime handler. */
export interface SpecDefaults {
  /** Written as io.container.manager. */
  readonly managerName: string;
  readonly capabilities: readonly string[];
  readonly addInheritableCapabilities: boolean;
  /** `NAME=value`. */
  readonly env: readonly string[];
  /** `name=soft:hard`. */
  readonly ulimits: readonly string[];
  /** 0 or less: none. */
  readonly pidsLimit: number;
  readonly containerMinMemoryBytes: number;
  readonly shmSizeBytes: number;
  /** The parsed profile for RuntimeDefault; undefined takes the built-in one. */
  readonly seccompProfile: unknown;
  readonly deviceOwnershipFromSecurityContext: boolean;
  /** Every root file system is read-only, and what programs write to for a while is in memory. */
  readonly readOnlyRootfs: boolean;
  /** Prefixes of gated annotations that the handler or the pod's workload lets through. */
  readonly allowedAnnotations: readonly string[];
  /** The container gets a kernel of its own: its pod was made before pods of such a handler had one. */
  readonly hasKernelAlone: boolean;
  /** The handler's own; not filtered. */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface SpecInput {
  /** 64 hex digits. */
  readonly containerId: string;
  readonly containerName: string;
  readonly createdAt: Date;
  readonly config: ContainerConfig;
  readonly image: ImageConfig;
  readonly imageId: string;
  /** For messages and annotations: the name that the person wrote. */
  readonly imageName: string;
  /** A repo digest, or the id where there is none. */
  readonly imageRef: string;
  readonly sandbox: SandboxFacts;
  readonly host: HostFacts;
  readonly defaults: SpecDefaults;
  /** Absolute path of the mounted root file system. */
  readonly rootfsPath: string;
  /** In the form of the cgroup driver. */
  readonly cgroupsPath: string;
  /** Absolute path of the log file. */
  readonly logPath: string;
  /** Texts of the image's /etc/passwd and /etc/group, empty where there is none; read by the caller up to 1 MiB + 1. */
  readonly passwdText: string;
  readonly groupText: string;
  /** The pinned pid namespace of the target container, for pid mode `target`. */
  readonly targetPidPath: string | undefined;
  readonly requestedDevices: readonly RequestedDevice[];
  /** The administrator's hooks, for whatever container. */
  readonly hooks: readonly HookDefinition[];
  /** What the CDI devices that were asked for need. */
  readonly cdi: CdiRequest;
  /** All devices of the host for a privileged container; undefined when the handler keeps them from it. */
  readonly hostDevices: readonly HostDevice[] | undefined;
  /** Directories that stand in for the image's VOLUMEs, where the option asks for that. */
  readonly volumes: readonly { readonly containerPath: string; readonly hostPath: string }[];
  /** Copies of what the node gives to every container. */
  readonly defaultMounts: readonly { readonly containerPath: string; readonly hostPath: string }[];
  /** Undefined for the runtime's own. */
  readonly umask: number | undefined;
  /** The cgroups of cgroup v2 are writable without privileges. */
  readonly hasWritableCgroups: boolean;
  /** The parsed JSON of a localhost seccomp profile. */
  readonly localhostSeccomp: unknown;
  /** The parsed JSON of the profile of privileged containers; undefined for no filter. */
  readonly privilegedSeccomp: unknown;
  /** The name of a profile that the kernel has; undefined for none. */
  readonly apparmorProfile: string | undefined;
  /** Of SELinux. */
  readonly labels: Labels;
}

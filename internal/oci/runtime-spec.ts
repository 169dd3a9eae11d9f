// The parts of the OCI runtime specification 1.2 (config.json) that we write. Types only.

export interface RuntimeSpec {
  readonly ociVersion: string;
  readonly process: ProcessSpec;
  readonly root: { readonly path: string; readonly readonly: boolean };
  /** Only where the container has a uts namespace of its own. */
  readonly hostname?: string;
  readonly mounts: readonly MountSpec[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly hooks?: HooksSpec;
  readonly linux: LinuxSpec;
}

/** Programs of the host that the runtime runs at a point of the container's life, by the point's name. */
export type HooksSpec = Readonly<Record<string, readonly HookSpec[]>>;

export interface HookSpec {
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  /** In seconds. */
  readonly timeout?: number;
}

export interface ProcessSpec {
  readonly terminal: boolean;
  readonly user: UserSpec;
  readonly args: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: CapabilitiesSpec;
  readonly rlimits?: readonly RlimitSpec[];
  readonly noNewPrivileges: boolean;
  readonly apparmorProfile?: string;
  readonly selinuxLabel?: string;
  readonly oomScoreAdj?: number;
  /** Of an exec, since 1.2.1: lists of CPUs, before and after it joins the container's cgroup. */
  readonly execCPUAffinity?: { readonly initial: string; readonly final: string };
}

export interface UserSpec {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  readonly umask?: number;
}

/** Names with the `CAP_` prefix. */
export interface CapabilitiesSpec {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable: readonly string[];
  readonly ambient: readonly string[];
}

export interface RlimitSpec {
  /** `RLIMIT_NOFILE` and the like. */
  readonly type: string;
  /** A bigint where a number would not be exact: RLIM_INFINITY is 2^64 - 1. */
  readonly soft: number | bigint;
  readonly hard: number | bigint;
}

export interface MountSpec {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** `size` ids from `containerID` on are `hostID` and those after it. */
export interface IdMapSpec {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface LinuxSpec {
  readonly namespaces: readonly NamespaceSpec[];
  readonly uidMappings?: readonly IdMapSpec[];
  readonly gidMappings?: readonly IdMapSpec[];
  readonly cgroupsPath: string;
  readonly resources: ResourcesSpec;
  readonly devices?: readonly DeviceSpec[];
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly rootfsPropagation?: 'rslave' | 'rshared';
  readonly mountLabel?: string;
  readonly seccomp?: SeccompSpec;
  readonly intelRdt?: IntelRdtSpec;
  /** Interfaces of the host by their names there, with those that they get. */
  readonly netDevices?: Readonly<Record<string, { readonly name: string }>>;
}

/** A class of cache and memory bandwidth, resctrl(5). */
export interface IntelRdtSpec {
  readonly closID?: string;
  readonly l3CacheSchema?: string;
  readonly memBwSchema?: string;
  readonly schemata?: readonly string[];
  readonly enableMonitoring?: boolean;
}

export type NamespaceType = 'pid' | 'network' | 'ipc' | 'uts' | 'mount' | 'cgroup' | 'user';

export interface NamespaceSpec {
  readonly type: NamespaceType;
  /** Absent: a new one. */
  readonly path?: string;
}

export interface DeviceSpec {
  readonly type: 'c' | 'b' | 'p';
  readonly path: string;
  readonly major: number;
  readonly minor: number;
  /** Permission bits alone. */
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface DeviceCgroupRule {
  readonly allow: boolean;
  readonly type?: 'c' | 'b';
  readonly major?: number;
  readonly minor?: number;
  readonly access: string;
}

export interface HugepageLimitSpec {
  /** Such as `2MB`. */
  readonly pageSize: string;
  readonly limit: number;
}

export interface ResourcesSpec {
  readonly devices: readonly DeviceCgroupRule[];
  readonly cpu?: CpuSpec;
  readonly memory?: MemorySpec;
  readonly pids?: { readonly limit: number };
  readonly hugepageLimits?: readonly HugepageLimitSpec[];
  /** Files of the cgroup v2 directory and what is written to them. */
  readonly unified?: Readonly<Record<string, string>>;
}

export interface CpuSpec {
  readonly shares?: number;
  readonly quota?: number;
  readonly period?: number;
  readonly cpus?: string;
  readonly mems?: string;
}

export interface MemorySpec {
  readonly limit?: number;
  /** Memory and swap together. */
  readonly swap?: number;
}

export interface SeccompSpec {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures: readonly string[];
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls: readonly SyscallRule[];
}

export interface SyscallRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly SyscallArgument[];
}

export interface SyscallArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: string;
}

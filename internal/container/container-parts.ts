// The parts that the container operations work with. cmd/cria/wire-containers.ts makes them.

import type { AppArmor } from '../apparmor/apparmor.ts';
import type { KeyedLock } from '../async/keyed-lock.ts';
import type { RequestFlight } from '../async/request-flight.ts';
import type { CdiDevices } from '../cdi/cdi.ts';
import type { CgroupManager } from '../cgroup/cgroup-manager.ts';
import type { MonitorPlaces } from '../cgroup/monitor-places.ts';
import type { HookDirectories } from '../hooks/hooks.ts';
import type { Images } from '../image/images.ts';
import type { Logger } from '../log/logger.ts';
import type { ContainerMetrics } from '../metrics/container-metrics.ts';
import type { ContainerMonitors } from '../monitor/monitor.ts';
import type { RuntimeHandlers } from '../oci/oci-runtime.ts';
import type { SELinux } from '../selinux/selinux.ts';
import type { ContainerLayers } from '../storage/store.ts';
import type { NodeTuning } from '../tuning/tuning.ts';
import type { ContainerDirectories } from './container-files.ts';
import type { StatsMemory } from './container-stats.ts';
import type { ContainerStore } from './container-store.ts';
import type { VolumeMode } from './declared-volumes.ts';
import type { ExecMonitors } from './exec-monitor.ts';
import type { DeviceRules } from './requested-devices.ts';
import type { DefaultSeccomp, PrivilegedSeccomp } from './seccomp-files.ts';
import type { HostFacts, SandboxFacts, SpecDefaults } from './spec/spec-input.ts';
import type { Workload } from './workloads.ts';

/** What the runtime handler says, or what changes while the daemon runs. */
type OtherOptions =
  | 'containerMinMemoryBytes'
  | 'allowedAnnotations'
  | 'annotations'
  | 'hasKernelAlone'
  | 'seccompProfile';

/** What the configuration says about every container. */
export interface ContainerDefaults {
  /** What every spec is made with; the runtime handler adds its own. */
  readonly spec: Omit<SpecDefaults, OtherOptions>;
  /** Undefined for no limit. */
  readonly logSizeMaxBytes: number | undefined;
  readonly absentMountSourcesToReject: readonly string[];
  readonly workloads: readonly Workload[];
  readonly devices: DeviceRules;
  /** Files in the form of mounts.conf, of which the first that exists counts. */
  readonly mountsFiles: readonly string[];
  /** A list; empty for none. */
  readonly sharedCpus: string;
  /** What becomes of the volumes that an image declares. */
  readonly imageVolumes: VolumeMode;
  readonly noPivot: boolean;
  /** 0: containers get no GOMAXPROCS. */
  readonly leastGoMaxProcs: number;
  /** How long a killed container may take to end. */
  readonly killWaitMs: number;
  /** Of the node, or `Local`; empty for that of the image. */
  readonly timeZone: string;
  /** Processes on the host's network have no SELinux label of ours. */
  readonly hostNetworkIsUnlabelled: boolean;
}

/** What mounts this machine and the place of our directories allow, tried out at the start. */
export interface MountAbilities {
  readonly recursiveReadOnly: boolean;
  /** Why no pod can have a user namespace; undefined when it can. */
  readonly noUserNamespaces: string | undefined;
}

export interface ContainerParts {
  readonly containers: ContainerStore;
  readonly locks: KeyedLock;
  readonly creations: RequestFlight<string>;
  readonly directories: ContainerDirectories;
  /** Parent of the mounts that are made ready for an OCI runtime. */
  readonly preparedMounts: string;
  readonly images: Images;
  readonly layers: ContainerLayers;
  readonly monitors: ContainerMonitors;
  readonly runtimes: RuntimeHandlers;
  readonly cgroups: CgroupManager;
  readonly monitorPlaces: MonitorPlaces;
  readonly execMonitors: ExecMonitors;
  readonly cdi: CdiDevices;
  readonly hooks: HookDirectories;
  readonly apparmor: AppArmor;
  readonly selinux: SELinux;
  readonly tuning: NodeTuning;
  readonly defaultSeccomp: DefaultSeccomp;
  readonly privilegedSeccomp: PrivilegedSeccomp;
  readonly defaults: ContainerDefaults;
  readonly host: Omit<HostFacts, 'recursiveReadOnlyMounts'>;
  readonly abilities: MountAbilities;
  readonly metrics: ContainerMetrics;
  readonly stats: StatsMemory;
  readonly logger: Logger;
}

/** What a container needs to know of its sandbox. */
export interface PodContext {
  readonly facts: SandboxFacts;
  readonly cgroupParent: string;
  readonly logDirectory: string;
  readonly privileged: boolean;
  /** Throws `failed-precondition` once a stop of the sandbox has begun. */
  readonly requireAlive: () => void;
  /** Runs a creation that a stop of the sandbox waits for, whether or not its caller still does. */
  readonly whileCreating: <T>(create: () => Promise<T>) => Promise<T>;
}

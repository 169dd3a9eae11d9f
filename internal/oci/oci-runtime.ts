// What the rest of the daemon sees of an OCI runtime such as crun or runc.

import type { ResourcesSpec } from './runtime-spec.ts';

export interface RuntimeFeatures {
  readonly recursiveReadOnlyMounts: boolean;
  readonly idmapMounts: boolean;
  /** Network interfaces of the host are moved into a container's namespace. Not there in records of earlier versions. */
  readonly netDevices?: boolean;
  /** Containers can be put into a user namespace that is there already. */
  readonly userNamespaces: boolean;
  /**
   * What `exec --cgroup` takes: `any` is `CONTROLLER:NAME` as well, `unified` a name, which only means something on cgroup v2;
   * undefined when there is no such option.
   */
  readonly execCgroup: 'any' | 'unified' | undefined;
  /**
   * The command of an exec is a process of the container's own kernel (gVisor): `exec --internal-pid-file` tells its pid there,
   * `ps` lists those, and `kill --pid` signals one. The host's process only waits for it. Undefined in records of before.
   */
  readonly guestPids?: boolean;
  /**
   * A pod has a kernel of its own (gVisor), which comes with its infra container, and no process of its containers is the host's.
   * Undefined in records of before.
   */
  readonly kernelPerPod?: boolean;
  /** False for a runtime without the verb `update`: what it runs keeps its limits. */
  readonly canUpdate: boolean;
}

/** `status` of the OCI runtime's `state`. */
export type RuntimeState = 'creating' | 'created' | 'running' | 'paused' | 'stopped';

export interface KillOptions {
  /** Every process in the container's cgroup, not only its init. */
  readonly all: boolean;
}

export interface OciRuntime {
  /** Absolute path of the program. */
  readonly path: string;
  /** Where the runtime keeps its state; undefined for one by a record of an earlier version, where only the arguments have it. */
  readonly root: string | undefined;
  /** Arguments before the verb: `--root`, `--systemd-cgroup`. The monitor starts `create` and `exec` with them. */
  readonly globalArgs: readonly string[];
  /** The whole environment of the runtime. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Lets a created container's init run the container's process. `through` is a program with its arguments that runs the runtime's
   * command in its turn.
   */
  start(containerId: string, through?: readonly string[]): Promise<void>;
  /** Sends a signal; a container that has ended or is unknown is success. */
  kill(containerId: string, signalNumber: number, options: KillOptions): Promise<void>;
  /** Lets a container go on that somebody has paused; one that is gone is success. */
  resume(containerId: string): Promise<void>;
  /** What the runtime says of a container; undefined when it does not know it. For the rare doubt at a start only. */
  state(containerId: string): Promise<RuntimeState | undefined>;
  /** Sets the limits of a container's cgroup; what is not named stays. */
  update(containerId: string, resources: Omit<ResourcesSpec, 'devices'>): Promise<void>;
  /** Kills what is left and deletes the runtime's state and the cgroup; an unknown container is success. */
  delete(containerId: string): Promise<void>;
  /**
   * The same for the infra container of a pod with a kernel of its own, whose containers are deleted. Locks that the runtime
   * left of them go too, where `root` is known.
   */
  deleteKernel(sandboxId: string): Promise<void>;
}

/**
 * How to reach a runtime without the handler of the configuration. It is kept with what the handler has made, which can be ended
 * by it when the handler is gone, or has another state directory now.
 */
export interface RecordedRuntime extends Pick<OciRuntime, 'path' | 'globalArgs' | 'env'> {
  /** Not there in records of earlier versions. */
  readonly root?: string | undefined;
  readonly features: RuntimeFeatures;
  /** Set when the program is the handler's for images of this platform. */
  readonly platform: string | undefined;
}

/** One entry of the table `crio.runtime.runtimes`. */
export interface RuntimeHandler {
  readonly name: string;
  readonly runtime: OciRuntime;
  readonly recorded: RecordedRuntime;
  /** Other programs by platform of the image, `OS/ARCHITECTURE`. */
  readonly platformRuntimes: Readonly<Record<string, OciRuntime>>;
  readonly features: RuntimeFeatures;
  /** Smaller memory limits are refused: the runtime itself needs that much inside the container's cgroup. */
  readonly minMemoryBytes: number;
  readonly createTimeoutMs: number;
  /** Where monitors are accounted: `pod`, a slice, or empty for the daemon's own place. */
  readonly monitorCgroup: string;
  readonly privilegedWithoutHostDevices: boolean;
  /** `first`: commands of an exec run on the first CPU of the container's own set. */
  readonly execCpuAffinity: '' | 'first';
  /** Monitors of an ExecSync run in the cgroup of their container. */
  readonly execMonitorInContainer: boolean;
  readonly allowedAnnotations: readonly string[];
  readonly defaultAnnotations: Readonly<Record<string, string>>;
  /** Parsed profile for RuntimeDefault in place of the general one; undefined for none. */
  readonly seccompProfile: unknown;
}

export interface RuntimeHandlers {
  /**
   * The handler of this name, or the default one for the empty name, with the program that it has for images of `platform`;
   * `not-found` naming the handlers there are.
   */
  get(name: string, platform?: string): RuntimeHandler;
  /**
   * The handler of something that exists: the configured one if it still means the same state directory and program,
   * or the recorded program is no more; else one by the record.
   * `not-found` only where there is neither.
   */
  of(name: string, recorded: RecordedRuntime | undefined): RuntimeHandler;
  readonly defaultName: string;
  list(): readonly RuntimeHandler[];
}

// What containers may ask of the CPUs that they have for themselves, and of the node around these. The wishes are CRI-O's
// annotations for telco nodes; see docs/high-performance.md.

/** What one container asks for. */
export interface TuningWishes {
  /** No device interrupts on its CPUs: `disable` on none, `housekeeping` on none but the first and its thread siblings. */
  readonly irq?: 'disable' | 'housekeeping';
  /** The scheduler moves no tasks to and from its CPUs. */
  readonly withoutLoadBalancing?: boolean;
  /** Microseconds that a wake-up of its CPUs may take, in the kernel's words: `n/a` for none at all, `0` for any. */
  readonly resumeLatency?: string;
  /** Who chooses the frequency of its CPUs, such as `performance`. */
  readonly governor?: string;
  /** CPUs that it may use beside its own, as a list. */
  readonly sharedCpus?: string;
}

/** The cgroups of a container in the hierarchy of one controller, as directories from the top down. */
export interface CgroupDirectories {
  readonly version: 1 | 2;
  readonly root: string;
  readonly above: readonly string[];
  /** The container's own. */
  readonly own: readonly string[];
}

/** Wishes with the CPUs that they are about, in the kernel's list form (`2-5,8`). */
export interface TuningClaim extends TuningWishes {
  readonly cpus: string;
  /** With `withoutLoadBalancing`: where that is to be. */
  readonly unbalanced?: CgroupDirectories;
  /** With `sharedCpus`: these, and the cgroups in which that counts. */
  readonly shared?: {
    readonly cpus: string;
    readonly cpu: CgroupDirectories;
    readonly cpuset: CgroupDirectories;
  };
}

/** With cgroup v2 and shared CPUs: where a container runs what is to have its own CPUs only. The name is CRI-O's. */
export function ownCpusCgroup(own: readonly string[]): string {
  return `${own.at(-1)}/cgroup-child`;
}

/** The settings of the node that follow its containers. One change at a time; what is changed is on disk before. */
export interface NodeTuning {
  /**
   * Makes the node what `claim` and those of other containers ask for; a claim of the same container is replaced. On failure,
   * `failed-precondition` with what the node lacks or `resource-exhausted` for a full disk, everything is as before. What fails
   * about other containers is in the log only.
   */
  apply(containerId: string, claim: TuningClaim): Promise<void>;
  /**
   * Gives back what only this container asked for. Idempotent. Does not reject: what cannot be given back is in the log, and tried
   * again with each later change.
   */
  release(containerId: string): Promise<void>;
  /**
   * For the daemon's start: drops the claims of containers that do not run, those of an earlier boot too, and makes the node what
   * the others ask for. Does not reject: the log tells what could not be done.
   */
  settle(isRunning: (containerId: string) => boolean): Promise<void>;
  /** The variables that tell a container with these wishes about its CPUs `cpus`. */
  environment(wishes: TuningWishes, cpus: string): Promise<Readonly<Record<string, string>>>;
}

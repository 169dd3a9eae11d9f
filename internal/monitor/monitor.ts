// What the rest of the daemon sees of the native monitors. One monitor process owns one container's streams, log file
// and exit code; it survives the daemon.

import type { AttachRequest, ExecRequest, StreamSession, TerminalSize } from './stream-session.ts';

export interface MonitorRequest {
  /** 64 hex digits. */
  readonly containerId: string;
  /** What errors call the container: the kubelet tries again with a new id, and folds events by their text. */
  readonly name: string;
  /** Directory with the container's config.json; the monitor writes its pid file and monitor.json there. */
  readonly bundle: string;
  /** Absolute path of the OCI runtime, its global arguments (`--root`, `--systemd-cgroup`) before the verb. */
  readonly runtimePath: string;
  readonly runtimeArgs: readonly string[];
  /** Arguments after `create`, such as `--no-pivot`. */
  readonly createArgs: readonly string[];
  /** The runtime's pid is that of a kernel with many containers: the init of this one is a process that stands for it. */
  readonly standIn?: boolean;
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path of the CRI log file; undefined discards the output. */
  readonly logPath: string | undefined;
  /** Bytes after which the monitor rotates the log itself; undefined never. */
  readonly logSizeMaxBytes: number | undefined;
  readonly terminal: boolean;
  /** What the terminal has before the container starts; undefined leaves it to resize. */
  readonly terminalSize: TerminalSize | undefined;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  /** uid and gid that own the stdio pipes, so that a non-root process can reopen /dev/stdout. */
  readonly uid: number;
  readonly gid: number;
  /** The OCI runtime's `create` is killed and undone after this time. */
  readonly createTimeoutMs: number;
  /** Cgroup directories that the monitor joins before it starts anything; empty leaves it with the spawner. */
  readonly cgroupDirs: readonly string[];
  /** Is given the monitor's pid while it waits, before it starts anything; a rejection ends the creation. */
  readonly take: ((monitorPid: number) => Promise<void>) | undefined;
}

export interface CreatedContainer {
  /** The container's init in the host's pid namespace. */
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: with the pid the identity of the process. */
  readonly startTicks: string;
  readonly monitorPid: number;
}

/** How a container ended. */
export interface ExitRecord {
  /** 0–255; 128 + signal when killed by a signal; 255 when unknown. */
  readonly code: number;
  readonly signal: number | undefined;
  /** A process of the container was killed by the kernel for memory. */
  readonly oom: boolean;
  readonly finishedAtNanos: bigint;
  /** What the container wrote and its log lacks, because the disk refused it. */
  readonly logDroppedBytes: number;
  /** `exited`, or `MonitorLost` when nobody saw the real code. */
  readonly reason: string;
}

/**
 * What an exec needs to get a cgroup of its own below the container's, by which it can be killed whole: the container's init,
 * and what the runtime's `exec --cgroup` takes, see cmd/cria-monitor/exec-cgroup.h.
 */
export interface ExecCgroup {
  readonly option: 'any' | 'unified';
  readonly initPid: number;
  readonly initStartTicks: string;
}

/** Ids of the host. */
export interface PipeOwner {
  readonly uid: number;
  readonly gid: number;
}

/** A command that the OCI runtime starts in a running container. */
export interface ExecCommand {
  readonly containerId: string;
  readonly runtimePath: string;
  readonly runtimeArgs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The OCI `process` object, for `exec --process`; it says whether the command has a terminal. */
  readonly process: object;
  /** Who owns the command's pipes; undefined: the ids of `process`, which in a user namespace are not the host's. */
  readonly owner?: PipeOwner | undefined;
  /** Undefined when the runtime has no such option. */
  readonly cgroup: ExecCgroup | undefined;
  /** The command runs in a kernel of the container's own: at its end it is killed there, by the runtime. */
  readonly hasGuestPids?: boolean | undefined;
  /** Cgroups that the monitor joins before it starts the runtime. */
  readonly cgroupDirs?: readonly string[];
  /** The only CPU on which the command runs; undefined for any. */
  readonly cpu?: number | undefined;
  /** 0: no limit. The time runs from the request; at its end the whole exec process tree is killed and reaped. */
  readonly timeoutMs: number;
}

export interface ExecSyncRequest extends ExecCommand {
  /** Bytes kept of stdout and stderr each; the rest is read and dropped. */
  readonly maxOutputBytes: number;
}

export interface ExecSyncResult {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly exitCode: number;
  /** Why the monitor could not join one of `cgroupDirs`. */
  readonly cgroupRefused?: string | undefined;
}

export type MonitoredState =
  | { readonly phase: 'running'; readonly pid: number; readonly startTicks: string }
  | { readonly phase: 'exited'; readonly exit: ExitRecord };

export interface ContainerMonitors {
  /**
   * Starts a monitor, which runs the OCI runtime's `create`. When it resolves the container's init exists and waits
   * for `start`. On failure rejects with the runtime's own words (kind `unknown`; `deadline-exceeded` for the create
   * timeout), and no process, socket, directory or runtime state of the container is left.
   */
  create(request: MonitorRequest): Promise<CreatedContainer>;
  /**
   * What must run the OCI runtime's `start` of a container with a stand-in, and what to say to one whose container was found
   * started: nothing more happens when it knows already.
   */
  starter(identity: CreatedContainer): readonly string[];
  tellStarted(containerId: string): Promise<void>;
  /**
   * Finds out, after a start of the daemon, how a container is: asks its monitor's socket, then the exit record on
   * disk, then the kernel by `identity`; at last a record of code 255, `MonitorLost`. Later exits go to `onExit`.
   */
  adopt(containerId: string, identity: CreatedContainer): Promise<MonitoredState>;
  /** Whether the kernel says that the container's init has ended, also when nobody has told its exit yet. */
  hasEnded(identity: CreatedContainer): Promise<boolean>;
  /** Is told each exit once, after its record is on disk; also for containers found by `adopt`. */
  onExit(listener: (containerId: string, exit: ExitRecord) => void): void;
  /**
   * Is told when the monitor of a container is dead, with the pid of the one that goes on in its place. Undefined: there is
   * none, and the output is lost from there on.
   */
  onMonitorLost(listener: (containerId: string, monitorPid: number | undefined) => void): void;
  /** Sends a signal to the container's init through a pidfd. A container that has ended is success. */
  signal(containerId: string, signalNumber: number): Promise<void>;
  /** When it resolves, new output goes to a file at the log path; when it rejects, nothing has changed. */
  reopenLog(containerId: string): Promise<void>;
  resize(containerId: string, columns: number, rows: number): Promise<void>;
  /**
   * Runs a command in the container and collects its output. Rejects with `deadline-exceeded` at the timeout (nothing
   * of the command is alive then) and with the runtime's words when it could not be started.
   */
  execSync(request: ExecSyncRequest, signal: AbortSignal): Promise<ExecSyncResult>;
  /**
   * Attaches a client to a created or running container; any number up to 28 at a time, each gets all output from now on.
   * `failed-precondition` when there is nothing to attach to, or no place.
   */
  attach(request: AttachRequest, signal: AbortSignal): Promise<StreamSession>;
  /**
   * Starts a command with streams. Resolves before the command runs: that it could not be started is told by the
   * session's `exit`. An abort closes the session at any time.
   */
  exec(request: ExecRequest, signal: AbortSignal): Promise<StreamSession>;
  /**
   * Ends everything about a container: an exited monitor is acknowledged and ends, one of a living container is
   * killed; socket directory and exit records are deleted. Absent is success.
   */
  remove(containerId: string): Promise<void>;
  /** Container ids that have a monitor directory, whatever its state. */
  list(): Promise<readonly string[]>;
}

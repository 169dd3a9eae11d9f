// Where monitors are accounted, by the option monitor_cgroup: with their pod, in a slice, or with the daemon. Never in the
// cgroup of their container, where they would share its limits and be frozen with it. The names are those that cAdvisor
// passes over: `crio-conmon-<64 hex>`.

import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '../config/executable.ts';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { type CgroupMount, listCgroupMounts } from './hierarchy.ts';
import { removeEmptied } from './remove-emptied.ts';
import { moveToScope } from './systemd-scope.ts';

export interface MonitorPlace {
  /** Cgroups that the monitor joins by itself before it starts anything. */
  readonly cgroupDirs: readonly string[];
  /** Puts the monitor's process somewhere while it waits to begin; undefined when there is nothing to do. */
  readonly take: ((monitorPid: number) => Promise<void>) | undefined;
}

export interface MonitorPlaces {
  /** Makes the place of one monitor; `setting` is `pod`, a slice, or empty: with the daemon. */
  make(setting: string, podParent: string, containerId: string): Promise<MonitorPlace>;
  /** Removes it after its monitor has ended. Absent is success. */
  remove(podParent: string, containerId: string): Promise<void>;
}

const withDaemon: MonitorPlace = { cgroupDirs: [], take: undefined };

/**
 * The controllers that account or limit what a monitor uses. In a new v1 cpuset there is no CPU to run on, and the others are
 * nothing to a monitor.
 */
const accounting = ['memory', 'cpu', 'cpuacct', 'pids', 'blkio'];
/** Cgroups as plain directories. */
export class CgroupfsPlaces implements MonitorPlaces {
  readonly #roots: readonly string[];

  constructor(mounts: readonly CgroupMount[]) {
    const used = mounts.filter(
      ({ controllers }) => controllers?.some((name) => accounting.includes(name)) ?? mounts.length === 1,
    );
    this.#roots = used.map(({ path }) => path);
  }

  async make(setting: string, podParent: string, containerId: string): Promise<MonitorPlace> {
    if (setting !== 'pod') return withDaemon;
    const cgroupDirs = this.#directories(podParent, containerId);
    for (const directory of cgroupDirs) {
      try {
        await mkdir(directory, { recursive: true });
      } catch (cause) {
        throw new DaemonError('internal', `cannot make the monitor's cgroup ${directory}`, cause);
      }
    }
    return { cgroupDirs, take: undefined };
  }

  async remove(podParent: string, containerId: string): Promise<void> {
    for (const directory of this.#directories(podParent, containerId)) await removeEmptied(directory);
  }

  #directories(podParent: string, containerId: string): string[] {
    return this.#roots.map((root) => join(root, podParent, `crio-conmon-${containerId}`));
  }
}

/** Cgroups as systemd's scopes. A scope ends with its last process, so there is nothing to remove. */
export class SystemdPlaces implements MonitorPlaces {
  readonly #busctl: string;
  readonly #runner: CommandRunner;
  readonly #logger: Logger;

  constructor(busctl: string, runner: CommandRunner, logger: Logger) {
    this.#busctl = busctl;
    this.#runner = runner;
    this.#logger = logger;
  }

  async make(setting: string, podParent: string, containerId: string): Promise<MonitorPlace> {
    if (setting === '') return withDaemon;
    const slice = setting === 'pod' ? podParent : setting;
    const take = async (monitorPid: number): Promise<void> => {
      try {
        const scope = { name: `crio-conmon-${containerId}.scope`, slice };
        await moveToScope(this.#busctl, scope, monitorPid, this.#runner);
      } catch (cause) {
        // The container matters more than where its monitor is counted.
        const fields = { containerId, slice, error: describeError(cause) };
        this.#logger.warn(fields, "cannot move a monitor into a scope of its own, it stays in the daemon's");
      }
    };
    return { cgroupDirs: [], take };
  }

  async remove(): Promise<void> {}
}

/** For `monitor_cgroup` where its driver cannot work: every monitor stays with the daemon. */
const nowhereElse: MonitorPlaces = {
  make: async () => withDaemon,
  remove: async () => {},
};

/** The places for the driver that the configuration names. */
export async function openMonitorPlaces(
  driver: 'cgroupfs' | 'systemd',
  runner: CommandRunner,
  logger: Logger,
): Promise<MonitorPlaces> {
  if (driver === 'cgroupfs') return new CgroupfsPlaces(await listCgroupMounts());
  const isRunning = await stat('/run/systemd/system').then(
    () => true,
    () => false,
  );
  const busctl = await findProgram('busctl', process.env['PATH'] ?? '/usr/bin');
  if (isRunning && busctl !== undefined) return new SystemdPlaces(busctl, runner, logger);
  const why = isRunning ? 'there is no busctl in PATH' : 'systemd is not running here';
  logger.warn({ why }, "monitor_cgroup has no effect: monitors stay in the daemon's cgroup");
  return nowhereElse;
}

// Where containers and monitors live in the cgroup hierarchy. The OCI runtime makes the container's cgroup; names follow
// what cAdvisor matches: `crio-<64 hex>` and, with systemd, `crio-<64 hex>.scope`.

import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode, isENOENT } from '../errors/errno.ts';
import { type CgroupPlace, findPlace, type PlacedController, type PlacedProcess } from './cgroup-place.ts';
import { type CgroupUse, readCgroupUse } from './cgroup-usage.ts';
import { removeOwnQuotaV1, removeQuota } from './cpu-quota.ts';
import { isFrozen } from './frozen.ts';
import { type CgroupMount, listCgroupMounts } from './hierarchy.ts';
import { keepCpuValues } from './kept-values.ts';
import { removeEmptied } from './remove-emptied.ts';

export interface CgroupManager {
  readonly driver: 'cgroupfs' | 'systemd';
  /** The parent to use for a request; `invalid-argument` when it has the other driver's form. */
  parentOf(requested: string): string;
  /** `cgroupsPath` of the OCI spec for a container under `parent`. */
  cgroupsPath(parent: string, containerId: string): string;
  /** Removes what is left of a container's cgroup when its runtime could not; absent is success. */
  removeLeftover(parent: string, containerId: string): Promise<void>;
  /** Takes the CFS quota of everything under `parent` away; one that is not there is success. */
  removeParentQuota(parent: string): Promise<void>;
  /**
   * Takes that of a container itself away, where the runtime cannot (crun 1.8 on cgroup v1). False: it is the runtime's to do, as with
   * systemd, which would set it again.
   */
  removeOwnQuota(process: PlacedProcess): Promise<boolean>;
  /** Removes the default parent if nothing is in it. For the daemon's end: a creation beside it would fail. */
  removeEmptyDefaultParent(): Promise<void>;
  /** The cgroups of a container's process; undefined without the process, or where the kernel lacks the controller. */
  placeOf(process: PlacedProcess, controller: PlacedController): Promise<CgroupPlace | undefined>;
  /** What a container under `parent` has used; undefined once its cgroup is gone. */
  containerUse(parent: string, containerId: string): CgroupUse | undefined;
  /** The same for everything under `parent`. */
  parentUse(parent: string): CgroupUse | undefined;
  /** Keeps what a container's cgroup says of CPUs; what this gives writes it back. */
  keepCpuValues(process: PlacedProcess): Promise<() => Promise<void>>;
  /** Whether a container's process is frozen, as `runc pause` leaves it; false once it has ended. */
  isFrozen(process: PlacedProcess): Promise<boolean>;
}

const defaultParent = '/crio';

/** Cgroups as plain directories. */
export class CgroupfsManager implements CgroupManager {
  readonly driver = 'cgroupfs';
  readonly #mounts: readonly CgroupMount[];

  constructor(mounts: readonly CgroupMount[]) {
    this.#mounts = mounts;
  }

  parentOf(requested: string): string {
    if (requested.endsWith('.slice')) {
      const text = `cgroup parent "${requested}" is a systemd slice, but cgroup_manager is cgroupfs`;
      throw new DaemonError('invalid-argument', `${text}; set the kubelet's cgroupDriver to the same`);
    }
    checkParent(requested);
    return requested === '' ? defaultParent : join('/', requested);
  }

  cgroupsPath(parent: string, containerId: string): string {
    return join(parent, `crio-${containerId}`);
  }

  async removeLeftover(parent: string, containerId: string): Promise<void> {
    for (const { path } of this.#mounts)
      await removeCgroup(join(path, this.cgroupsPath(parent, containerId)));
  }

  async removeEmptyDefaultParent(): Promise<void> {
    for (const { path } of this.#mounts) {
      try {
        await rmdir(join(path, defaultParent));
      } catch (cause) {
        // ENOENT: none was made. EBUSY, ENOTEMPTY: containers go on.
        if (!['ENOENT', 'EBUSY', 'ENOTEMPTY'].includes(errnoCode(cause) ?? '')) throw cause;
      }
    }
  }

  async removeParentQuota(parent: string): Promise<void> {
    await removeQuota(this.#mounts, parent);
  }

  removeOwnQuota(process: PlacedProcess): Promise<boolean> {
    return removeOwnQuotaV1(this.#mounts, process);
  }

  placeOf(process: PlacedProcess, controller: PlacedController): Promise<CgroupPlace | undefined> {
    return findPlace(this.#mounts, process, controller);
  }

  containerUse(parent: string, containerId: string): CgroupUse | undefined {
    return readCgroupUse(this.#mounts, this.cgroupsPath(parent, containerId));
  }

  parentUse(parent: string): CgroupUse | undefined {
    return readCgroupUse(this.#mounts, parent);
  }

  keepCpuValues(process: PlacedProcess): Promise<() => Promise<void>> {
    return keepCpuValues(this.#mounts, process);
  }

  isFrozen(process: PlacedProcess): Promise<boolean> {
    return isFrozen(this.#mounts, process);
  }
}

/** Cgroups as systemd scopes below slices; the OCI runtime talks to systemd. */
export class SystemdCgroupManager implements CgroupManager {
  readonly driver = 'systemd';
  readonly #mounts: readonly CgroupMount[];

  constructor(mounts: readonly CgroupMount[]) {
    this.#mounts = mounts;
  }

  parentOf(requested: string): string {
    checkParent(requested);
    if (requested === '') return 'system.slice';
    const slice = requested.split('/').at(-1) ?? '';
    if (!slice.endsWith('.slice')) {
      const text = `cgroup parent "${requested}" is not a systemd slice, but cgroup_manager is systemd`;
      throw new DaemonError('invalid-argument', `${text}; set the kubelet's cgroupDriver to the same`);
    }
    if (slice !== '-.slice' && !/^[\w.\\@]+(-[\w.\\@]+)*\.slice$/.test(slice)) {
      const text = `cgroup parent "${requested}" is no slice that systemd takes`;
      throw new DaemonError('invalid-argument', `${text}: a dash in its name is followed by one level more`);
    }
    return slice;
  }

  cgroupsPath(parent: string, containerId: string): string {
    return `${parent}:crio:${containerId}`;
  }

  async removeLeftover(): Promise<void> {
    // systemd removes the scope with its last process.
  }

  async removeEmptyDefaultParent(): Promise<void> {
    // system.slice is not ours.
  }

  async removeParentQuota(parent: string): Promise<void> {
    await removeQuota(this.#mounts, slicePath(parent));
  }

  async removeOwnQuota(): Promise<boolean> {
    return false;
  }

  placeOf(process: PlacedProcess, controller: PlacedController): Promise<CgroupPlace | undefined> {
    return findPlace(this.#mounts, process, controller);
  }

  containerUse(parent: string, containerId: string): CgroupUse | undefined {
    return readCgroupUse(this.#mounts, join(slicePath(parent), `crio-${containerId}.scope`));
  }

  parentUse(parent: string): CgroupUse | undefined {
    return readCgroupUse(this.#mounts, slicePath(parent));
  }

  keepCpuValues(process: PlacedProcess): Promise<() => Promise<void>> {
    return keepCpuValues(this.#mounts, process);
  }

  isFrozen(process: PlacedProcess): Promise<boolean> {
    return isFrozen(this.#mounts, process);
  }
}

/** Where systemd puts a slice: each dash in its name is a level, and `-.slice` is the root (systemd.slice(5)). */
export function slicePath(slice: string): string {
  const parts = slice
    .slice(0, -'.slice'.length)
    .split('-')
    .filter((part) => part !== '');
  return join('/', ...parts.map((_, index) => `${parts.slice(0, index + 1).join('-')}.slice`));
}

/** The manager for the driver that the configuration names. */
export async function openCgroupManager(driver: CgroupManager['driver']): Promise<CgroupManager> {
  const mounts = await listCgroupMounts();
  return driver === 'systemd' ? new SystemdCgroupManager(mounts) : new CgroupfsManager(mounts);
}

function checkParent(requested: string): void {
  if (requested.split('/').includes('..') || requested.includes('\0') || requested.includes(':')) {
    throw new DaemonError('invalid-argument', `cgroup parent "${requested}" is not a clean path`);
  }
}

/** Removes a cgroup and its children. */
async function removeCgroup(path: string): Promise<void> {
  let children: string[];
  try {
    const entries = await readdir(path, { withFileTypes: true });
    children = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (cause) {
    if (isENOENT(cause)) return;
    throw cause;
  }
  for (const child of children) await removeCgroup(join(path, child));
  await removeEmptied(path);
}

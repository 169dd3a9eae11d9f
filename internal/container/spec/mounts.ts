import { posix } from 'node:path';
import { DaemonError } from '../../errors/daemon-error.ts';
import type { MountSpec } from '../../oci/runtime-spec.ts';
import type { ContainerMount } from '../container-config.ts';
import type { SpecInput } from './spec-input.ts';
import { systemMounts } from './system-mounts.ts';

const propagationOption = {
  private: 'rprivate',
  'host-to-container': 'rslave',
  bidirectional: 'rshared',
} as const satisfies Record<ContainerMount['propagation'], string>;

export interface Mounts {
  readonly mounts: readonly MountSpec[];
  /** To be made before all others, which lie over them: an image must not make a directory in a mount of the pod. */
  readonly volumes: readonly MountSpec[];
  /** What the root file system's propagation must be, so that the runtime does not cut that of a mount. */
  readonly rootfsPropagation: 'rslave' | 'rshared' | undefined;
}

/**
 * All mounts in the order in which they are made: from the shallowest path to the deepest, so that none hides another;
 * at one depth the system's, the pod's files, then the request's. A mount of the request takes the place of ours at the
 * same path; one at /dev or /sys that of all ours below it too.
 */
export function mounts(input: SpecInput): Mounts {
  const requested = input.config.mounts.map((mount) => bindOf(mount, input.host.recursiveReadOnlyMounts));
  const taken = new Set(requested.map((mount) => mount.destination));
  const ours = [...systemMounts(input), ...input.defaultMounts.map(volumeBind)].filter(
    ({ destination }) =>
      destination !== '/' &&
      !taken.has(destination) &&
      !(taken.has('/dev') && destination.startsWith('/dev/')) &&
      !(taken.has('/sys') && destination.startsWith('/sys/')),
  );
  return {
    mounts: inOrder([...ours, ...requested]),
    volumes: inOrder(
      input.volumes.map(volumeBind).filter(({ destination }) => !isWithin(destination, taken)),
    ),
    rootfsPropagation: rootfsPropagation(input.config.mounts),
  };
}

/** From the shallowest path to the deepest; at one depth as they are. */
export function inOrder(all: readonly MountSpec[]): readonly MountSpec[] {
  return [...all].sort((a, b) => depthOf(a.destination) - depthOf(b.destination));
}

function bindOf(mount: ContainerMount, canBeRecursive: boolean): MountSpec {
  checkMount(mount, canBeRecursive);
  const access = mount.recursiveReadOnly ? 'rro' : mount.readonly ? 'ro' : 'rw';
  const options = ['rbind', propagationOption[mount.propagation]];
  return {
    destination: posix.normalize(mount.containerPath).replace(/(?<=.)\/$/, ''),
    type: 'bind',
    source: mount.hostPath,
    options: mount.isAsSource === true ? options : [...options, access],
  };
}

/** Refuses what no runtime could do; `canBeRecursive`: recursive read-only is possible here. */
export function checkMount(mount: ContainerMount, canBeRecursive: boolean): void {
  const where = `mount at ${JSON.stringify(mount.containerPath)}`;
  if (!isCleanAbsolute(mount.containerPath)) throw invalid(`${where}: the container path is not absolute`);
  if (posix.normalize(mount.containerPath) === '/') throw invalid(`${where} would hide the root file system`);
  if (mount.image !== '' && !mount.readonly)
    throw invalid(`${where}: a volume made of an image is read-only`);
  if (mount.imageSubPath !== '' && mount.image === '')
    throw invalid(`${where} has an image sub path but no image`);
  if (!isCleanAbsolute(mount.hostPath)) throw invalid(`${where}: the host path is not absolute`);
  if (mount.idMaps !== undefined)
    throw invalid(`${where} has id mappings, but its pod has no user namespace`);
  if (!mount.recursiveReadOnly) return;
  // CRI: recursive_read_only needs readonly and private propagation; the kubelet looks for the prefix.
  if (!mount.readonly) throw invalid(`${where}: recursive_read_only needs readonly`);
  if (mount.propagation !== 'private')
    throw invalid(`${where}: recursive_read_only needs private propagation`);
  if (!canBeRecursive) {
    throw new DaemonError(
      'unimplemented',
      `RROUnsupported: ${where}: the runtime handler has no recursive read-only`,
    );
  }
}

function isWithin(path: string, places: ReadonlySet<string>): boolean {
  return [...places].some((place) => path === place || path.startsWith(`${place}/`));
}

function isCleanAbsolute(path: string): boolean {
  return path.startsWith('/') && !path.includes('\0');
}

function invalid(message: string): DaemonError {
  return new DaemonError('invalid-argument', message);
}

function volumeBind(volume: SpecInput['volumes'][number]): MountSpec {
  return {
    // The path comes from the image or mounts.conf: resolved here as text, and by the runtime inside the root file system.
    destination: posix.normalize(`/${volume.containerPath}`).replace(/(?<=.)\/$/, ''),
    type: 'bind',
    source: volume.hostPath,
    options: ['rbind', 'rprivate', 'rw', 'nodev'],
  };
}

function depthOf(path: string): number {
  return path.split('/').length;
}

function rootfsPropagation(requested: readonly ContainerMount[]): 'rslave' | 'rshared' | undefined {
  if (requested.some(({ propagation }) => propagation === 'bidirectional')) return 'rshared';
  return requested.some(({ propagation }) => propagation === 'host-to-container') ? 'rslave' : undefined;
}

// Volumes that an image declares (VOLUME in its build file), by the option image_volumes. The paths are the image's: nothing is
// made out of its root file system, whatever links are in it (CVE-2022-23648), and nothing in a mount of the pod.

import { chmod, chown, lchown, lstat, mkdir, readlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode, isENOENT } from '../errors/errno.ts';
import { ensureDirectory } from '../fs/directories.ts';
import { makePassable } from '../fs/passable.ts';

export type VolumeMode = 'mkdir' | 'bind' | 'ignore';

export interface DeclaredVolumesRequest {
  readonly mode: VolumeMode;
  /** Paths as the image has them. */
  readonly declared: readonly string[];
  /** Mounted, and no process is in it yet. */
  readonly rootfs: string;
  /** Does not exist; parent of the directories that are bound. */
  readonly directory: string;
}

export interface DeclaredVolumes {
  /** What the container's spec is to mount. */
  readonly binds: readonly VolumeBind[];
  /** Makes what is not there yet, and says whose the volumes are: the container's user, by ids of the host. */
  readonly giveTo: (owner: Owner) => Promise<void>;
}

export interface DeclaredVolume {
  /** Canonical in the root file system. */
  readonly containerPath: string;
  /** Itself and those of its parents that are not there, from the top. */
  readonly missing: readonly string[];
}

export interface VolumeBind {
  readonly containerPath: string;
  readonly hostPath: string;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const maxVolumes = 256;
const maxLinks = 40;
/** Kernel file systems are mounted there. */
const kernelPlaces = ['/dev', '/proc', '/sys'];

/** By the mode: directories of the root file system, empty ones bound over it, or nothing (crio.conf(5), image_volumes). */
export async function prepareDeclaredVolumes(request: DeclaredVolumesRequest): Promise<DeclaredVolumes> {
  const { mode, declared, rootfs, directory } = request;
  const volumes = mode === 'ignore' ? [] : await findDeclaredVolumes(rootfs, declared);
  if (mode !== 'bind') return { binds: [], giveTo: (owner) => makeDirectories(rootfs, volumes, owner) };
  const binds = await makeSources(directory, volumes);
  const giveTo = async ({ uid, gid }: Owner): Promise<void> => {
    for (const { hostPath } of binds) await chown(hostPath, uid, gid);
  };
  return { binds, giveTo };
}

/**
 * Where the volumes are in a mounted root file system that no process has yet. One at the place of a file, at the root or in
 * the kernel's file systems is none. `failed-precondition` for what is no path, or leads round in circles.
 */
export async function findDeclaredVolumes(
  rootfs: string,
  declared: readonly string[],
): Promise<DeclaredVolume[]> {
  if (declared.length > maxVolumes)
    throw refused(`the image declares ${declared.length} volumes, more than ${maxVolumes}`);
  const found = new Map<string, DeclaredVolume>();
  for (const path of declared) {
    const volume = await resolveVolume(rootfs, path);
    if (volume !== undefined) found.set(volume.containerPath, volume);
  }
  return [...found.values()].filter(({ containerPath }) => !isOfKernel(containerPath));
}

async function makeDirectories(
  rootfs: string,
  volumes: readonly DeclaredVolume[],
  owner: Owner,
): Promise<void> {
  for (const path of new Set(volumes.flatMap(({ missing }) => missing))) {
    const directory = join(rootfs, path);
    await mkdir(directory);
    await chmod(directory, 0o755); // whatever the daemon's umask is
    await lchown(directory, owner.uid, owner.gid);
  }
}

async function makeSources(directory: string, volumes: readonly DeclaredVolume[]): Promise<VolumeBind[]> {
  if (volumes.length === 0) return [];
  await ensureDirectory(directory);
  await makePassable(directory); // the runtime may come as the root of a user namespace
  return Promise.all(
    volumes.map(async ({ containerPath }, index) => {
      const hostPath = join(directory, String(index));
      await mkdir(hostPath);
      await chmod(hostPath, 0o755);
      return { containerPath, hostPath };
    }),
  );
}

/** Follows the image's links as the container's processes would; undefined where a file is in the way. */
async function resolveVolume(rootfs: string, declared: string): Promise<DeclaredVolume | undefined> {
  if (declared.includes('\0')) throw refused(`volume ${JSON.stringify(declared)} of the image is no path`);
  const parts = declared.split('/').reverse();
  const missing: string[] = [];
  let at = '/';
  for (let links = 0; parts.length > 0; ) {
    const part = parts.pop() ?? '';
    if (part === '' || part === '.') continue;
    const next = posix.join(at, part);
    if (part === '..' && missing.at(-1) === at) missing.pop();
    const kind = part === '..' ? 'directory' : await kindAt(join(rootfs, next), declared);
    if (kind === 'file') return undefined;
    if (kind === 'link') {
      links += 1;
      if (links > maxLinks)
        throw refused(`volume ${JSON.stringify(declared)} of the image is behind too many links`);
      const target = await readlink(join(rootfs, next));
      parts.push(...target.split('/').reverse());
      if (target.startsWith('/')) at = '/';
      continue;
    }
    if (kind === 'missing') missing.push(next);
    at = next;
  }
  return at === '/' ? undefined : { containerPath: at, missing };
}

type Kind = 'directory' | 'file' | 'link' | 'missing';

async function kindAt(path: string, declared: string): Promise<Kind> {
  try {
    const found = await lstat(path);
    if (found.isSymbolicLink()) return 'link';
    return found.isDirectory() ? 'directory' : 'file';
  } catch (cause) {
    if (isENOENT(cause)) return 'missing';
    const why = errnoCode(cause) ?? 'unknown error';
    throw refused(`volume ${JSON.stringify(declared.slice(0, 200))} of the image cannot be used (${why})`);
  }
}

function isOfKernel(path: string): boolean {
  return kernelPlaces.some((place) => path === place || path.startsWith(`${place}/`));
}

function refused(message: string): DaemonError {
  return new DaemonError('failed-precondition', message);
}

// Whether mounts can be propagated as a request asks: that depends on the mount which its source is on.

import { readFile } from 'node:fs/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import type { ContainerMount } from './container-config.ts';

interface MountPoint {
  readonly path: string;
  readonly isShared: boolean;
  readonly isSlave: boolean;
}

/**
 * Refuses a mount whose source cannot pass mounts on as asked (CRI, MountPropagation): the kernel would take it, and the container's
 * mounts would silently stay its own, or the host's never come. Sources are resolved.
 */
export async function requirePropagation(mounts: readonly ContainerMount[]): Promise<void> {
  const asking = mounts.filter(({ propagation, image }) => propagation !== 'private' && image === '');
  if (asking.length === 0) return;
  const points = mountPoints(await readFile('/proc/self/mountinfo', 'utf8'));
  for (const mount of asking) checkPropagation(mount, points);
}

/** In the order of the kernel: of two at one path the later lies above. */
export function mountPoints(mountinfo: string): MountPoint[] {
  return mountinfo.split('\n').flatMap((line) => {
    // mountinfo(5): ids, device, root, mount point, options, then optional fields up to a hyphen
    const [, , , , path, , ...rest] = line.split(' ');
    if (path === undefined) return [];
    const optional = rest.slice(0, rest.indexOf('-'));
    return [
      {
        path: path.replace(/\\(\d{3})/g, (_, octal: string) =>
          String.fromCharCode(Number.parseInt(octal, 8)),
        ),
        isShared: optional.some((field) => field.startsWith('shared:')),
        isSlave: optional.some((field) => field.startsWith('master:')),
      },
    ];
  });
}

/** `failed-precondition` for what cannot be. */
export function checkPropagation(mount: ContainerMount, points: readonly MountPoint[]): void {
  const { hostPath, containerPath, propagation } = mount;
  const point = points
    .filter(({ path }) => path === '/' || hostPath === path || hostPath.startsWith(`${path}/`))
    .reduce<MountPoint | undefined>(
      (best, one) => (best === undefined || one.path.length >= best.path.length ? one : best),
      undefined,
    );
  if (point === undefined || point.isShared) return;
  if (propagation === 'host-to-container' && point.isSlave) return;
  const needed = propagation === 'bidirectional' ? 'shared' : 'shared or slave';
  const text = `mount at ${JSON.stringify(containerPath)} cannot be ${propagation}: "${hostPath}" is on the mount "${point.path}"`;
  throw new DaemonError(
    'failed-precondition',
    `${text}, which is not ${needed}; see mount(8), --make-rshared`,
  );
}

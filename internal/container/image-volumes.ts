// Volumes made of images. Each is a container of its own in the image store, so that neither we nor podman remove the
// image under it; what the container sees of it is read-only.

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { RegisterUndo } from '../async/rollback.ts';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';
import { ensureDirectory, listDirectory } from '../fs/directories.ts';
import type { Image } from '../image/images.ts';
import { openHandleInRoot } from '../sys/resolve-in-root.ts';
import type { ContainerMetadata } from './container.ts';
import type { ContainerConfig, ContainerMount } from './container-config.ts';
import { containerPaths } from './container-files.ts';
import type { ContainerParts } from './container-parts.ts';
import type { Subject } from './creation-subject.ts';

/** The kubelet looks for this prefix, and shows the reason under its name. */
const failurePrefix = 'ImageVolumeMountFailed';

export interface ImageVolume {
  /** Which of the request's mounts it is. */
  readonly mountIndex: number;
  readonly imageId: string;
  /** A repo digest of the image, or its id. */
  readonly imageRef: string;
}

/** The images of the volumes that a request names. `find` rejects for one that is not in the store. */
export async function findImageVolumes(
  config: ContainerConfig,
  find: (reference: string) => Promise<Image>,
): Promise<ImageVolume[]> {
  const volumes: ImageVolume[] = [];
  for (const [mountIndex, mount] of config.mounts.entries()) {
    if (mount.image === '') continue;
    const image = await find(mount.image).catch((cause: unknown) => {
      throw failed(mount, describeError(cause));
    });
    volumes.push({ mountIndex, imageId: image.id, imageRef: image.repoDigests[0] ?? image.id });
  }
  return volumes;
}

/** Mounts all volumes of a container; the mounts of its request with the volumes' paths in the place of host paths. */
export async function mountImageVolumes(
  parts: ContainerParts,
  { metadata, pod, labels }: Pick<Subject, 'metadata' | 'pod' | 'labels'>,
  rollback: RegisterUndo,
): Promise<readonly ContainerMount[]> {
  const { userNamespace } = pod.facts;
  const mounts = [...metadata.config.mounts];
  for (const { mountIndex, imageId } of metadata.imageVolumes) {
    const mount = mounts[mountIndex];
    if (mount === undefined) continue;
    const layerId = volumeLayerId(metadata.id, mountIndex);
    const target = volumePath(parts, metadata.id, mountIndex);
    await ensureDirectory(target); // a daemon that dies finds by it what to undo
    rollback('remove image volume', () => parts.layers.remove(layerId));
    await parts.layers.create({
      containerId: layerId,
      imageId,
      names: [`${metadata.name}_volume_${mountIndex}`],
      metadata: { 'container-manager': 'cria', 'volume-of': metadata.id, 'image-id': imageId },
      idMaps: userNamespace?.idMaps,
    });
    rollback('unmount image volume', () => parts.layers.unmount(target));
    await parts.layers.mount(layerId, target, userNamespace?.path, labels.mount);
    mounts[mountIndex] = { ...mount, hostPath: await insideVolume(target, mount) };
  }
  return mounts;
}

/** Idempotent; for a container that has ended. */
export async function unmountImageVolumes(parts: ContainerParts, metadata: ContainerMetadata): Promise<void> {
  for (const { mountIndex } of metadata.imageVolumes)
    await parts.layers.unmount(volumePath(parts, metadata.id, mountIndex));
}

/** Idempotent; the volumes are unmounted. */
export async function removeImageVolumes(parts: ContainerParts, metadata: ContainerMetadata): Promise<void> {
  for (const { mountIndex } of metadata.imageVolumes)
    await parts.layers.remove(volumeLayerId(metadata.id, mountIndex));
}

/** Takes away what a creation may have left that nobody finished, also without its record. */
export async function undoImageVolumes(
  parts: ContainerParts,
  containerId: string,
  metadata: ContainerMetadata | undefined,
): Promise<void> {
  const begun = (await listDirectory(containerPaths(parts.directories, containerId).volumes)).map(Number);
  const recorded = metadata?.imageVolumes.map(({ mountIndex }) => mountIndex) ?? [];
  for (const mountIndex of new Set([...begun, ...recorded])) {
    await parts.layers.unmount(volumePath(parts, containerId, mountIndex));
    await parts.layers.remove(volumeLayerId(containerId, mountIndex));
  }
}

/** The part of the volume that is mounted, a directory or a file, as a path of the host. Links inside the image do not lead out of it. */
async function insideVolume(root: string, mount: ContainerMount): Promise<string> {
  const { imageSubPath } = mount;
  if (imageSubPath === '') return root;
  if (imageSubPath.startsWith('/') || imageSubPath.split('/').includes('..'))
    throw failed(mount, `the sub path ${JSON.stringify(imageSubPath)} is absolute or climbs`);
  let part: FileHandle;
  try {
    part = await openHandleInRoot(root, imageSubPath, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const why = errnoCode(cause) ?? 'unknown error';
    throw failed(mount, `the image has no directory or file ${JSON.stringify(imageSubPath)} (${why})`);
  }
  try {
    const found = await part.stat();
    if (found.isDirectory() || found.isFile()) return await readlink(`/proc/self/fd/${part.fd}`);
  } finally {
    await part.close();
  }
  throw failed(mount, `${JSON.stringify(imageSubPath)} of the image is neither a directory nor a file`);
}

/** A record of the store has an id of its own; it can be found again by the container's. */
function volumeLayerId(containerId: string, mountIndex: number): string {
  return createHash('sha256').update(`${containerId}/volumes/${mountIndex}`).digest('hex');
}

function volumePath(parts: ContainerParts, containerId: string, mountIndex: number): string {
  return join(containerPaths(parts.directories, containerId).volumes, String(mountIndex));
}

function failed(mount: ContainerMount, why: string): DaemonError {
  const where = `mount at ${JSON.stringify(mount.containerPath)}`;
  return new DaemonError(
    'failed-precondition',
    `${failurePrefix}: ${where} of image "${mount.image}": ${why}`,
  );
}

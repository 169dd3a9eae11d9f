// The images that a container is made of, if the policy lets it run them: its own, and those of its volumes.

import { DaemonError } from '../errors/daemon-error.ts';
import type { Image, ImageConfig } from '../image/images.ts';
import type { ContainerConfig } from './container-config.ts';
import type { ContainerParts } from './container-parts.ts';
import { findImageVolumes, type ImageVolume } from './image-volumes.ts';

/** A signature is checked by a program of the node. */
const policyTimeoutMs = 60_000;

export interface AdmittedImages {
  readonly image: Image;
  readonly imageConfig: ImageConfig;
  readonly imageVolumes: readonly ImageVolume[];
}

/** `not-found` for one that is not in the store; the policy's refusal, or `deadline-exceeded` when it takes too long to say. */
export async function admittedImages(
  parts: ContainerParts,
  namespace: string,
  config: ContainerConfig,
): Promise<AdmittedImages> {
  const find = (reference: string): Promise<Image> => findImage(parts, reference);
  const image = await find(config.image);
  const imageVolumes = await findImageVolumes(config, find);
  const admit = (imageId: string, written: string): Promise<void> =>
    admitInTime(parts, namespace, imageId, written);
  const [imageConfig] = await Promise.all([
    parts.images.config(image.id),
    admit(image.id, config.userSpecifiedImage || config.image),
    ...imageVolumes.map(({ imageId, mountIndex }) => admit(imageId, config.mounts[mountIndex]?.image ?? '')),
  ]);
  return { image, imageConfig, imageVolumes };
}

async function admitInTime(
  parts: ContainerParts,
  namespace: string,
  imageId: string,
  written: string,
): Promise<void> {
  const limit = AbortSignal.timeout(policyTimeoutMs);
  try {
    await parts.images.admit(imageId, written, namespace, limit);
  } catch (cause) {
    if (!limit.aborted) throw cause;
    const text = `the signatures of image "${written}" were not checked in ${policyTimeoutMs / 1000} s`;
    throw new DaemonError('deadline-exceeded', text, cause);
  }
}

async function findImage(parts: ContainerParts, reference: string): Promise<Image> {
  const known = parts.images.find(reference);
  if (known !== undefined) return known;
  await parts.images.refresh(); // another tool may have stored it a moment ago
  const image = parts.images.find(reference);
  if (image !== undefined) return image;
  throw new DaemonError('not-found', `image "${reference}" is not in the store; pull it first`);
}

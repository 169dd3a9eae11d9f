// Images from disk instead of a registry; from the layers on it is the same way as a pull.

import { realpath, stat } from 'node:fs/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import type { Logger } from '../log/logger.ts';
import type { ImagePolicy } from '../policy/policy.ts';
import { completeReference, formatReference, requireReference } from '../registry/reference.ts';
import { type ArchiveMembers, DirectoryMembers } from './archive-members.ts';
import { readDockerArchive } from './docker-archive.ts';
import type { ImageCatalog } from './image-catalog.ts';
import type { ImageContents } from './image-contents.ts';
import type { ImageWriter } from './image-writer.ts';
import { readOciLayout } from './oci-layout.ts';
import type { Platform } from './platform.ts';
import { PullProgress } from './pull-progress.ts';
import { TarMembers } from './tar-members.ts';

export interface LoaderParts {
  readonly policy: ImagePolicy;
  readonly platform: Platform;
  readonly catalog: ImageCatalog;
  readonly writer: ImageWriter;
  readonly logger: Logger;
}

/**
 * Stores the images of an archive or layout. Without `names` each gets the names that it has there; with `names` it
 * must be one image, which gets exactly these. When one of several images fails, those before it stay.
 */
export async function loadImages(
  parts: LoaderParts,
  path: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const members = await openMembers(path);
  try {
    const transport = await transportOf(members, path);
    // Policies name places without links: a link must not lead around them.
    await parts.policy.admitUnsigned({ transport, path: await realpath(path) }, '', signal);
    const found = await readImages(members, transport, parts.platform);
    if (found.length === 0) {
      throw new DaemonError('failed-precondition', `${path} has no image for this node's platform`);
    }
    const images = renamed(found, names);
    const imageIds: string[] = [];
    for (const image of images) {
      const imageId = await parts.writer.write(image, new PullProgress([]), signal);
      parts.catalog.announce(imageId, image.parsedConfig.config.user);
      imageIds.push(imageId);
      parts.logger.info({ imageId, names: image.names }, 'loaded image');
    }
    return imageIds;
  } finally {
    await members.close();
  }
}

async function openMembers(path: string): Promise<ArchiveMembers> {
  try {
    const isDirectory = (await stat(path)).isDirectory();
    return isDirectory ? await DirectoryMembers.open(path) : await TarMembers.open(path);
  } catch (cause) {
    if (cause instanceof DaemonError) throw cause;
    if (isENOENT(cause)) throw new DaemonError('not-found', `image archive ${path} does not exist`, cause);
    throw new DaemonError('failed-precondition', `image archive ${path} cannot be read`, cause);
  }
}

type ArchiveTransport = 'oci' | 'oci-archive' | 'docker-archive';

/** An archive can be both: newer `docker save` writes an OCI layout too, which keeps the original manifests. */
async function transportOf(members: ArchiveMembers, path: string): Promise<ArchiveTransport> {
  if ((await members.find('oci-layout')) !== undefined) {
    return members instanceof DirectoryMembers ? 'oci' : 'oci-archive';
  }
  if ((await members.find('manifest.json')) !== undefined) return 'docker-archive';
  throw new DaemonError('invalid-argument', `${path} is neither an OCI layout nor a docker archive`);
}

function readImages(
  members: ArchiveMembers,
  transport: ArchiveTransport,
  platform: Platform,
): Promise<ImageContents[]> {
  return transport === 'docker-archive' ? readDockerArchive(members) : readOciLayout(members, platform);
}

function renamed(images: readonly ImageContents[], names: readonly string[]): readonly ImageContents[] {
  if (names.length === 0) return images;
  const [image] = images;
  if (image === undefined || images.length > 1) {
    const found = images.map((each) => each.names[0] ?? each.configDigest).join(', ');
    const text = `the archive holds ${images.length} images (${found}): load it without a name to keep theirs`;
    throw new DaemonError('invalid-argument', text);
  }
  const full = names.map((name) => {
    const written = requireReference(name);
    return formatReference(completeReference(written, written.host ?? 'localhost'));
  });
  return [{ ...image, names: full }];
}

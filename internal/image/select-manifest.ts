// From the document that a reference names to the manifest of the image that this node runs.

import { DaemonError } from '../errors/daemon-error.ts';
import type { BlobDescriptor } from '../registry/registry.ts';
import { type ListEntry, type ManifestDocument, mediaTypes, parseManifest } from './manifest.ts';
import { choosePlatform, type Platform } from './platform.ts';

export type ImageManifest = Extract<ManifestDocument, { kind: 'image' }>;

export interface SelectedManifest {
  readonly bytes: Uint8Array;
  readonly image: ImageManifest;
}

export interface ManifestSource {
  readonly bytes: Uint8Array;
  readonly mediaType: string | undefined;
}

/** A list in a list is in use (attestations, some build tools); a deeper tree only multiplies requests (GO-2026-6597). */
const maxListDepth = 2;

/** Goes down from `top` to one image manifest; `read` gets an entry's document, checked against its descriptor. */
export async function selectManifest(
  top: ManifestSource,
  platform: Platform,
  read: (entry: BlobDescriptor) => Promise<ManifestSource>,
): Promise<SelectedManifest> {
  let source = top;
  for (let depth = 0; ; depth += 1) {
    const document = parseManifest(source.bytes, source.mediaType);
    if (document.kind === 'image') return { bytes: source.bytes, image: document };
    if (depth === maxListDepth) {
      throw new DaemonError(
        'failed-precondition',
        `the image's lists are nested more than ${maxListDepth} deep`,
      );
    }
    source = await read(chooseEntry(document.entries, platform));
  }
}

function chooseEntry(entries: readonly ListEntry[], platform: Platform): ListEntry {
  const nested = entries.find(({ mediaType }) => isListType(mediaType));
  const only = entries.length === 1 && entries[0]?.platform === undefined ? entries[0] : undefined;
  const chosen = choosePlatform(entries, platform) ?? nested ?? only;
  if (chosen === undefined) {
    const name = [platform.os, platform.architecture, platform.variant]
      .filter((part) => part !== '')
      .join('/');
    throw new DaemonError('not-found', `the image has no variant for this node's platform (${name})`);
  }
  return chosen;
}

function isListType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerList;
}

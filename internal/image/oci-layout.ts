// Images in an OCI layout (image-spec, image-layout.md), directory or tar.

import { DaemonError } from '../errors/daemon-error.ts';
import { completeReference, formatReference, parseReference } from '../registry/reference.ts';
import type { BlobDescriptor } from '../registry/registry.ts';
import { type ArchiveMembers, readMember } from './archive-members.ts';
import { contentsOf, type ImageContents, readBlob } from './image-contents.ts';
import { type ListEntry, parseManifest } from './manifest.ts';
import { choosePlatform, type Platform } from './platform.ts';
import { selectManifest } from './select-manifest.ts';

const maxDocumentBytes = 4 * 1024 * 1024;

/** All images that the layout's index names, for this platform. */
export async function readOciLayout(members: ArchiveMembers, platform: Platform): Promise<ImageContents[]> {
  const bytes = await readMember(members, 'index.json', maxDocumentBytes);
  if (bytes === undefined) throw invalid('has no index.json');
  const index = parseManifest(bytes, undefined);
  if (index.kind !== 'list') throw invalid('has an index.json that is no list');
  const images: ImageContents[] = [];
  for (const entry of entriesFor(index.entries, platform)) {
    images.push(await readImage(members, entry, platform));
  }
  return images;
}

/** Entries of other platforms are left out, as a layout may hold a whole list flat. */
function entriesFor(entries: readonly ListEntry[], platform: Platform): ListEntry[] {
  return entries.filter(
    (entry) => entry.platform === undefined || choosePlatform([entry], platform) !== undefined,
  );
}

async function readImage(
  members: ArchiveMembers,
  entry: ListEntry,
  platform: Platform,
): Promise<ImageContents> {
  const readDocument = async (descriptor: BlobDescriptor): Promise<Uint8Array> => {
    if (descriptor.sizeBytes > maxDocumentBytes)
      throw invalid(`has a document of ${descriptor.sizeBytes} bytes`);
    return readBlob(await openBlob(members, descriptor), descriptor);
  };
  const top = { bytes: await readDocument(entry), mediaType: entry.mediaType };
  const selected = await selectManifest(top, platform, async (descriptor) => ({
    bytes: await readDocument(descriptor),
    mediaType: undefined,
  }));
  const config = await readDocument(selected.image.config);
  return contentsOf(selected, config, namesOf(entry), (blob) => openBlob(members, blob));
}

async function openBlob(members: ArchiveMembers, blob: BlobDescriptor): Promise<AsyncIterable<Uint8Array>> {
  const member = await members.find(`blobs/${blob.digest.replace(':', '/')}`);
  if (member === undefined) throw invalid(`does not hold blob "${blob.digest}"`);
  if (member.sizeBytes !== blob.sizeBytes) {
    throw invalid(`holds blob "${blob.digest}" with ${member.sizeBytes} bytes, expected ${blob.sizeBytes}`);
  }
  return member.read();
}

/**
 * containerd's annotation holds a full name. The specification's is a name to podman and skopeo, and to others only
 * a tag, which names nothing by itself; a name without a registry is of this node, as for podman.
 */
function namesOf({ annotations }: ListEntry): string[] {
  const text =
    annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name'] ?? '';
  const written = /[/:]/.test(text) ? parseReference(text) : undefined;
  if (written === undefined) return [];
  return [formatReference(completeReference(written, written.host ?? 'localhost'))];
}

function invalid(problem: string): DaemonError {
  return new DaemonError('failed-precondition', `the image layout ${problem}`);
}

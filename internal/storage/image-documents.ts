// The files of an image: its config, its manifests, its signatures.

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import { writeAndRename } from '../fs/atomic-write.ts';
import type { ImageRecord } from './image-record.ts';
import { cutSignatures, signatureFiles } from './image-signatures.ts';
import type { StoredSignatures } from './store.ts';
import { bigDataFileName, type StorePaths, temporaryPath } from './store-paths.ts';

const maxDocumentBytes = 4 * 1024 * 1024;

/** An image's record, and the store that has its files. */
export interface ImageFiles {
  readonly record: ImageRecord;
  readonly paths: StorePaths;
}

export async function readConfig(image: ImageFiles): Promise<Uint8Array> {
  const { id, 'big-data-names': names } = image.record;
  const key = `sha256:${id}`;
  if (names?.includes(key) === true) return readDocument(image, key);
  // An image pulled in parts (zstd:chunked) has another id: its manifest knows the config.
  const digest = configDigest(id, await readManifest(image));
  if (digest !== undefined) return readDocument(image, digest);
  throw unusable(id, 'has no config; it is of an old format');
}

function configDigest(imageId: string, manifest: Uint8Array): string | undefined {
  try {
    const { config } = JSON.parse(Buffer.from(manifest).toString()) as { config?: { digest?: unknown } };
    return typeof config?.digest === 'string' ? config.digest : undefined;
  } catch (cause) {
    throw unusable(imageId, 'has a torn manifest; remove it and pull it again', cause);
  }
}

export async function readManifest(image: ImageFiles): Promise<Uint8Array> {
  const names = image.record['big-data-names'] ?? [];
  const key = names.includes('manifest') ? 'manifest' : names.find((name) => name.startsWith('manifest-'));
  if (key === undefined) throw unusable(image.record.id, 'was stored without its manifest; pull it again');
  return readDocument(image, key);
}

export async function readSignatures(image: ImageFiles): Promise<readonly StoredSignatures[]> {
  const found: StoredSignatures[] = [];
  for (const { manifestDigest, key, sizes } of signatureFiles(image.record)) {
    const signatures = cutSignatures(await readDocument(image, key), sizes);
    if (signatures === undefined)
      throw unusable(image.record.id, 'has damaged signatures; remove it and pull it again');
    found.push({ manifestDigest, signatures });
  }
  return found;
}

/** Each is replaced whole; they are on disk, but their names only when the directory is synced. */
export async function writeDocuments(
  directory: string,
  documents: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const [key, data] of documents) {
    const path = join(directory, bigDataFileName(key));
    await writeAndRename(temporaryPath(path), path, data, { durable: true });
  }
}

async function readDocument({ record, paths }: ImageFiles, key: string): Promise<Uint8Array> {
  try {
    const data = await readFile(paths.imageData(record.id, key));
    if (data.length <= maxDocumentBytes) return data;
  } catch (cause) {
    if (!isENOENT(cause)) throw cause;
    throw unusable(record.id, `has lost its ${key}; remove it and pull it again`, cause);
  }
  throw unusable(record.id, `has a ${key} of more than 4 MiB`);
}

function unusable(imageId: string, why: string, cause?: unknown): DaemonError {
  return new DaemonError('failed-precondition', `image "${imageId}" ${why}`, cause);
}

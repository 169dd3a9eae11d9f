// An image that is to be stored, wherever it comes from: checked documents, and layers that can be opened.

import { DaemonError, hasKind } from '../errors/daemon-error.ts';
import { digestOf } from '../registry/digest.ts';
import type { BlobDescriptor, Digest } from '../registry/registry.ts';
import type { StoredLayer } from '../storage/store.ts';
import { type ParsedImageConfig, parseImageConfig } from './image-config.ts';
import { type Descriptor, isForeign } from './manifest.ts';
import type { SelectedManifest } from './select-manifest.ts';

export interface LayerContents {
  readonly diffId: Digest;
  readonly mediaType: string;
  /** Undefined where the source does not know it (docker archives). */
  readonly blobDigest: Digest | undefined;
  readonly blobSizeBytes: number;
  /** Aborting `signal` closes what was opened, read or not. */
  open(signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

export interface ImageContents {
  readonly config: Uint8Array;
  readonly configDigest: Digest;
  readonly parsedConfig: ParsedImageConfig;
  /** Base first. */
  readonly layers: readonly LayerContents[];
  readonly names: readonly string[];
  /** Of the manifest, as blobs; kept with the image so that its policy can be checked again. */
  readonly signatures: readonly Uint8Array[];
  /** The manifest to record; `layers` are those of the store, base first. */
  manifestOf(layers: readonly StoredLayer[]): Uint8Array;
}

export type OpenBlob = (blob: BlobDescriptor, signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>;

/** Joins a manifest with its config; `failed-precondition` when they do not belong together. */
export function contentsOf(
  { bytes, image }: SelectedManifest,
  config: Uint8Array,
  names: readonly string[],
  openBlob: OpenBlob,
): ImageContents {
  const parsedConfig = parseUsableConfig(config);
  const { diffIds } = parsedConfig;
  checkLayerCount(image.layers.length, diffIds.length);
  return {
    config,
    configDigest: image.config.digest,
    parsedConfig,
    names,
    signatures: [],
    layers: image.layers.flatMap((layer, index) => {
      const diffId = diffIds[index];
      const { digest: blobDigest, sizeBytes: blobSizeBytes, mediaType } = layer;
      if (diffId === undefined) return [];
      return { diffId, mediaType, blobDigest, blobSizeBytes, open: opener(layer, openBlob) };
    }),
    manifestOf: () => bytes,
  };
}

/** Registries hold many foreign layers too; of one that they do not hold the addresses are not asked (CVE-2020-15157). */
function opener(layer: Descriptor, openBlob: OpenBlob): LayerContents['open'] {
  if (!isForeign(layer)) return (signal) => openBlob(layer, signal);
  return async (signal) => {
    try {
      return await openBlob(layer, signal);
    } catch (cause) {
      if (!hasKind(cause, 'not-found')) throw cause;
      const text = `layer "${layer.digest}" of the image is a foreign one, which the registry does not hold: push the image with its foreign layers (--allow-nondistributable-artifacts)`;
      throw new DaemonError('failed-precondition', text, cause);
    }
  };
}

/** Reads a config and refuses one of another operating system. */
export function parseUsableConfig(config: Uint8Array): ParsedImageConfig {
  const parsed = parseImageConfig(config);
  const { os } = parsed.config;
  if (os !== '' && os !== 'linux') {
    throw new DaemonError(
      'failed-precondition',
      `the image is for operating system ${JSON.stringify(os)}, not linux`,
    );
  }
  return parsed;
}

/** A layer without a diff id, or the other way round, means that manifest and config are of two images. */
export function checkLayerCount(layers: number, diffIds: number): void {
  if (layers === diffIds) return;
  const text = `the image's manifest has ${layers} layers, but its config has ${diffIds} diff ids`;
  throw new DaemonError('failed-precondition', text);
}

/** Reads a small blob whole and checks its size and digest. */
export async function readBlob(
  blob: AsyncIterable<Uint8Array>,
  expected: BlobDescriptor,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of blob) {
    length += chunk.length;
    if (length > expected.sizeBytes) break;
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  if (length !== expected.sizeBytes || digestOf(bytes) !== expected.digest) {
    throw new DaemonError(
      'failed-precondition',
      `blob "${expected.digest}" has another size or digest than it should`,
    );
  }
  return bytes;
}

// Manifests and lists: OCI image-spec 1.1 and docker's schema 2. Pure; everything is checked before it is believed.

import { DaemonError } from '../errors/daemon-error.ts';
import { isDigest } from '../registry/digest.ts';
import type { BlobDescriptor } from '../registry/registry.ts';
import { isRecord, type JsonObject, parseJsonObject } from './json-object.ts';
import type { Platform } from './platform.ts';

export interface Descriptor extends BlobDescriptor {
  readonly mediaType: string;
}

/** A layer that its owner does not let others distribute; registries often have only addresses of it. */
export function isForeign({ mediaType }: Descriptor): boolean {
  return /\.(nondistributable|foreign)\./.test(mediaType);
}

export interface ListEntry extends Descriptor {
  readonly platform: Platform | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

export type ManifestDocument =
  | { readonly kind: 'list'; readonly entries: readonly ListEntry[] }
  | { readonly kind: 'image'; readonly config: Descriptor; readonly layers: readonly Descriptor[] };

export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
} as const;

/** What overlay takes in practice, and the limit that other runtimes and builders keep. */
const maxLayers = 127;
/** A list is one manifest of at most 4 MiB; more entries than this are no list of platforms. */
const maxListEntries = 1000;
const maxLayerBytes = 1024 ** 4;
const maxConfigBytes = 4 * 1024 * 1024;

const listTypes: readonly string[] = [mediaTypes.ociIndex, mediaTypes.dockerList];
const imageTypes: readonly string[] = [mediaTypes.ociManifest, mediaTypes.dockerManifest];
const configTypes: readonly string[] = [mediaTypes.ociConfig, mediaTypes.dockerConfig];
/** The compression is found by the blob's first bytes, so its suffix says nothing here. */
const layerType =
  /^application\/vnd\.(oci\.image\.layer\.(nondistributable\.)?v1\.tar|docker\.image\.rootfs\.(foreign\.)?diff\.tar)([.+](gzip|zstd|uncompressed))?$/;

/** Reads a manifest or a list. `declaredType` is what the transport said it is; a contradiction is refused. */
export function parseManifest(bytes: Uint8Array, declaredType: string | undefined): ManifestDocument {
  const document = parseJsonObject(bytes, 'manifest');
  const ownType = document['mediaType'];
  refuseUnusable(document, typeof ownType === 'string' ? ownType : declaredType);
  const isList = document['manifests'] !== undefined;
  const expected = isList ? listTypes : imageTypes;
  for (const type of [ownType, declaredType]) {
    const isKnown = typeof type === 'string' && [...listTypes, ...imageTypes].includes(type);
    if (isKnown && !expected.includes(type))
      throw invalid(`says it is "${type}", but its content is something else`);
  }
  if (isKnownAndDifferent(ownType, declaredType)) {
    throw invalid(`says it is "${String(ownType)}", but came as "${declaredType}"`);
  }
  return isList ? parseList(document) : parseImage(document);
}

function refuseUnusable(document: JsonObject, type: string | undefined): void {
  const { manifests, layers, config, schemaVersion } = document;
  if (schemaVersion === 1 || type?.startsWith('application/vnd.docker.distribution.manifest.v1')) {
    throw invalid(
      'has docker schema 1, which is no longer supported: push the image again with a current tool',
    );
  }
  // CVE-2021-41190: one document that two readers take for different things.
  if (manifests !== undefined && (layers !== undefined || config !== undefined)) {
    throw invalid('is both a list and an image');
  }
  if (schemaVersion !== 2) throw invalid('has no schemaVersion 2');
}

function isKnownAndDifferent(ownType: unknown, declaredType: string | undefined): boolean {
  const known = [...listTypes, ...imageTypes];
  return (
    typeof ownType === 'string' &&
    known.includes(ownType) &&
    known.includes(declaredType ?? '') &&
    ownType !== declaredType
  );
}

function parseList({ manifests }: JsonObject): ManifestDocument {
  if (!Array.isArray(manifests)) throw invalid('has no list of manifests');
  if (manifests.length > maxListEntries) throw invalid(`has more than ${maxListEntries} entries`);
  return { kind: 'list', entries: manifests.map(parseListEntry) };
}

function parseListEntry(value: unknown): ListEntry {
  const descriptor = parseDescriptor(value, 'list entry');
  const { platform, annotations } = value as JsonObject;
  return { ...descriptor, platform: parsePlatform(platform), annotations: parseAnnotations(annotations) };
}

function parsePlatform(value: unknown): Platform | undefined {
  if (!isRecord(value)) return undefined;
  const { os, architecture, variant } = value;
  if (typeof os !== 'string' || typeof architecture !== 'string') return undefined;
  return { os, architecture, variant: typeof variant === 'string' ? variant : '' };
}

function parseAnnotations(value: unknown): Readonly<Record<string, string>> {
  const pairs = isRecord(value) ? Object.entries(value) : [];
  return Object.fromEntries(pairs.filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
}

function parseImage({ config, layers }: JsonObject): ManifestDocument {
  if (!Array.isArray(layers)) throw invalid('has no list of layers');
  if (layers.length > maxLayers) throw invalid(`has ${layers.length} layers, more than ${maxLayers}`);
  const configDescriptor = parseDescriptor(config, 'config');
  if (!configTypes.includes(configDescriptor.mediaType)) {
    throw invalid(
      `is not of a container image but of an artifact (${quoteType(configDescriptor.mediaType)})`,
    );
  }
  if (configDescriptor.sizeBytes > maxConfigBytes)
    throw invalid(`has a config of more than ${maxConfigBytes} bytes`);
  return { kind: 'image', config: configDescriptor, layers: layers.map(parseLayer) };
}

function parseLayer(value: unknown): Descriptor {
  const layer = parseDescriptor(value, 'layer');
  if (layer.mediaType.endsWith('+encrypted')) throw invalid('has encrypted layers, which are not supported');
  if (!layerType.test(layer.mediaType))
    throw invalid(`has a layer of unknown type ${quoteType(layer.mediaType)}`);
  if (layer.sizeBytes > maxLayerBytes) throw invalid(`has a layer of ${layer.sizeBytes} bytes`);
  return layer;
}

/** `urls` are not read: they would send us, and once sent others' credentials, anywhere (CVE-2020-15157). */
function parseDescriptor(value: unknown, what: string): Descriptor {
  if (!isRecord(value)) throw invalid(`has no ${what}`);
  const { digest, size, mediaType } = value;
  if (!isDigest(digest)) throw invalid(`has a ${what} without a valid sha256 digest`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw invalid(`has a ${what} without a valid size`);
  }
  return { digest, sizeBytes: size, mediaType: typeof mediaType === 'string' ? mediaType : '' };
}

function quoteType(mediaType: string): string {
  return JSON.stringify(mediaType.slice(0, 128));
}

function invalid(text: string): DaemonError {
  return new DaemonError('failed-precondition', `the image's manifest ${text}`);
}

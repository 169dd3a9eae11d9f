// Images of the store as archives that other tools load: an OCI layout in a tar, or a docker archive.
//
// Layers are written as they were before compression, byte for byte: their diffIDs, and so the image ids, stay.

import { createHash } from 'node:crypto';
import { DaemonError } from '../errors/daemon-error.ts';
import { digestOf } from '../registry/digest.ts';
import type { Digest, ImageLayer, ImageRecords, LayerStore } from '../storage/store.ts';
import { mediaTypes } from './manifest.ts';
import { type TarFile, tarArchiveOf } from './tar-archive.ts';

export type SaveFormat = 'oci' | 'docker';

export interface SaverParts {
  readonly records: ImageRecords;
  readonly layers: LayerStore;
}

export interface SavedImage {
  readonly imageId: string;
  /** What it is called in the archive: a full reference by tag; undefined for an image without a tag. */
  readonly name: string | undefined;
}

interface ReadImage extends SavedImage {
  readonly config: Uint8Array;
  readonly layers: readonly ImageLayer[];
}

const ociLayerType = 'application/vnd.oci.image.layer.v1.tar';

/** The archive's bytes. Rejects when a layer is not what it was: the bytes until then are to be thrown away. */
export async function* saveImages(
  parts: SaverParts,
  images: readonly SavedImage[],
  format: SaveFormat,
): AsyncGenerator<Uint8Array> {
  const read: ReadImage[] = [];
  for (const image of images) {
    const config = await parts.records.readConfig(image.imageId);
    read.push({ ...image, config, layers: parts.records.layersOf(image.imageId) });
  }
  const documents = format === 'oci' ? ociDocuments(read) : dockerDocuments(read);
  const unique = new Map(read.flatMap(({ layers }) => layers.map((layer) => [layer.diffId, layer])));
  const layers = [...unique.values()].map((layer) => layerFile(parts.layers, layer, format));
  yield* tarArchiveOf([...documents, ...layers]);
}

function ociDocuments(images: readonly ReadImage[]): TarFile[] {
  const manifests = images.map(({ config, layers }) => {
    const descriptors = layers.map(({ diffId, diffSizeBytes }) =>
      descriptor(ociLayerType, diffId, diffSizeBytes),
    );
    const configDescriptor = descriptor(mediaTypes.ociConfig, digestOf(config), config.length);
    const document = { mediaType: mediaTypes.ociManifest, config: configDescriptor, layers: descriptors };
    return json({ schemaVersion: 2, ...document });
  });
  const entries = images.map(({ name }, index) => {
    const manifest = manifests[index] ?? Buffer.of();
    const entry = descriptor(mediaTypes.ociManifest, digestOf(manifest), manifest.length);
    if (name === undefined) return entry;
    // The first is what podman and skopeo read, the second is containerd's.
    const annotations = { 'org.opencontainers.image.ref.name': name, 'io.containerd.image.name': name };
    return { ...entry, annotations };
  });
  const blobs = new Map(
    [...manifests, ...images.map(({ config }) => config)].map((blob) => [digestOf(blob), blob]),
  );
  return [
    plainFile('oci-layout', json({ imageLayoutVersion: '1.0.0' })),
    plainFile('index.json', json({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: entries })),
    ...[...blobs].map(([digest, blob]) => plainFile(blobName(digest), blob)),
  ];
}

function dockerDocuments(images: readonly ReadImage[]): TarFile[] {
  const entries = images.map(({ imageId, name, layers }) => ({
    Config: `${imageId}.json`,
    RepoTags: name === undefined ? [] : [name],
    Layers: layers.map(({ diffId }) => layerTarName(diffId)),
  }));
  const configs = new Map(images.map(({ imageId, config }) => [`${imageId}.json`, config]));
  return [
    plainFile('manifest.json', json(entries)),
    ...[...configs].map(([name, config]) => plainFile(name, config)),
  ];
}

function layerFile(store: LayerStore, layer: ImageLayer, format: SaveFormat): TarFile {
  const { diffId, diffSizeBytes: sizeBytes } = layer;
  const name = format === 'oci' ? blobName(diffId) : layerTarName(diffId);
  return { name, sizeBytes, content: checkedLayer(store, layer) };
}

/** The header before the content has its size, and names have its digest: other content must not go out unnoticed. */
async function* checkedLayer(
  store: LayerStore,
  { id, diffId, diffSizeBytes }: ImageLayer,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let length = 0;
  for await (const chunk of store.readLayer(id)) {
    hash.update(chunk);
    length += chunk.length;
    yield chunk;
  }
  if (length !== diffSizeBytes || `sha256:${hash.digest('hex')}` !== diffId) {
    const text = `layer "${id}" is damaged: its tar is not what was unpacked; remove the image and pull it again`;
    throw new DaemonError('failed-precondition', text);
  }
}

function descriptor(mediaType: string, digest: Digest, size: number): object {
  return { mediaType, digest, size };
}

function plainFile(name: string, bytes: Uint8Array): TarFile {
  return { name, sizeBytes: bytes.length, content: [bytes] };
}

function blobName(digest: Digest): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function layerTarName(diffId: Digest): string {
  return `${diffId.slice('sha256:'.length)}.tar`;
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

// Images in the tar that `docker save` writes: manifest.json, configs, layer tars plain or compressed.

import { DaemonError } from '../errors/daemon-error.ts';
import { digestOf } from '../registry/digest.ts';
import { completeReference, formatReference, requireReference } from '../registry/reference.ts';
import type { Digest } from '../registry/registry.ts';
import type { StoredLayer } from '../storage/store.ts';
import { type ArchiveMembers, readMember } from './archive-members.ts';
import {
  checkLayerCount,
  type ImageContents,
  type LayerContents,
  parseUsableConfig,
} from './image-contents.ts';
import { isRecord, parseJson } from './json-object.ts';
import { mediaTypes } from './manifest.ts';

const maxManifestBytes = 1024 * 1024;
const maxConfigBytes = 4 * 1024 * 1024;
const maxLayers = 127;

interface ArchiveEntry {
  readonly config: string;
  readonly repoTags: readonly string[];
  readonly layers: readonly string[];
}

/** All images of the archive. */
export async function readDockerArchive(members: ArchiveMembers): Promise<ImageContents[]> {
  const bytes = await readMember(members, 'manifest.json', maxManifestBytes);
  if (bytes === undefined) throw invalid('has no manifest.json');
  const entries = parseJson(bytes, 'manifest.json');
  if (!Array.isArray(entries)) throw invalid('has a manifest.json that is no list');
  const images: ImageContents[] = [];
  for (const entry of entries.map(parseEntry)) images.push(await readImage(members, entry));
  return images;
}

async function readImage(members: ArchiveMembers, entry: ArchiveEntry): Promise<ImageContents> {
  const config = await readMember(members, entry.config, maxConfigBytes);
  if (config === undefined) throw invalid(`does not hold ${JSON.stringify(entry.config)}`);
  const parsedConfig = parseUsableConfig(config);
  checkLayerCount(entry.layers.length, parsedConfig.diffIds.length);
  const layers: LayerContents[] = [];
  for (const [index, diffId] of parsedConfig.diffIds.entries()) {
    layers.push(await findLayer(members, entry.layers[index] ?? '', diffId));
  }
  const configDigest = digestOf(config);
  return {
    config,
    configDigest,
    parsedConfig,
    layers,
    names: entry.repoTags.map(fullName),
    signatures: [],
    manifestOf: (stored) => makeManifest(config, configDigest, stored),
  };
}

async function findLayer(members: ArchiveMembers, name: string, diffId: Digest): Promise<LayerContents> {
  const member = await members.find(name);
  if (member === undefined) throw invalid(`does not hold layer ${JSON.stringify(name)}`);
  return {
    diffId,
    mediaType: mediaTypes.dockerLayer,
    blobDigest: undefined,
    blobSizeBytes: member.sizeBytes,
    open: async () => member.read(),
  };
}

/** The archive has no manifest: ours describes the layers uncompressed, so that it is the same on every node. */
function makeManifest(config: Uint8Array, configDigest: Digest, layers: readonly StoredLayer[]): Uint8Array {
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.dockerManifest,
    config: { mediaType: mediaTypes.dockerConfig, size: config.length, digest: configDigest },
    layers: layers.map(({ diffId, diffSizeBytes }) => ({
      mediaType: mediaTypes.dockerLayer,
      size: diffSizeBytes,
      digest: diffId,
    })),
  };
  return Buffer.from(JSON.stringify(manifest));
}

function parseEntry(value: unknown): ArchiveEntry {
  if (!isRecord(value)) throw invalid('has a manifest.json with an entry that is no object');
  const { Config: config, RepoTags: repoTags, Layers: layers } = value;
  if (typeof config !== 'string' || !isStringList(layers)) {
    throw invalid('has a manifest.json with an entry without Config or Layers');
  }
  if (layers.length > maxLayers) throw invalid(`has an image with more than ${maxLayers} layers`);
  return { config, layers, repoTags: isStringList(repoTags) ? repoTags : [] };
}

/** docker leaves its own registry out of names. */
function fullName(repoTag: string): string {
  const written = requireReference(repoTag);
  return formatReference(completeReference(written, written.host ?? 'docker.io'));
}

function isStringList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function invalid(problem: string): DaemonError {
  return new DaemonError('failed-precondition', `the docker archive ${problem}`);
}

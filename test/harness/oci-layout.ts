// Writes an image as an OCI layout from directories and tars, without a registry or a build tool.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

export type Compression = 'gzip' | 'zstd' | 'none';

export interface ImageSource {
  /** Goes into the layout's index as its reference name, and is what a loader calls the image. */
  readonly name: string;
  /** A directory or a tar per layer, lowest first. */
  readonly layers: readonly (string | Buffer)[];
  /** Of the layers; gzip when left out. */
  readonly compression?: Compression;
  readonly config: {
    readonly Entrypoint?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly Env?: readonly string[];
    readonly User?: string;
    readonly StopSignal?: string;
    readonly WorkingDir?: string;
    readonly Volumes?: Readonly<Record<string, object>>;
  };
}

export interface WrittenImage {
  /** 64 hex digits: the config's digest. */
  readonly id: string;
  readonly manifestDigest: string;
  readonly diffIds: readonly string[];
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The directory as a tar with fixed owner, order and time: the same files give the same digests. */
function tarOf(directory: string): Buffer {
  const fixed = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  return execFileSync('tar', [...fixed, '-C', directory, '-cf', '-', '.'], { maxBuffer: 1 << 30 });
}

const compressions: Readonly<Record<Compression, { suffix: string; pack: (tar: Buffer) => Buffer }>> = {
  gzip: { suffix: '+gzip', pack: (tar) => gzipSync(tar) },
  zstd: { suffix: '+zstd', pack: (input) => execFileSync('zstd', ['-q'], { input, maxBuffer: 1 << 30 }) },
  none: { suffix: '', pack: (tar) => tar },
};

function writeBlob(layout: string, mediaType: string, bytes: Uint8Array): Descriptor {
  const digest = digestOf(bytes);
  writeFileSync(join(layout, 'blobs', digest.replace(':', '/')), bytes);
  return { mediaType, digest, size: bytes.length };
}

function writeJsonBlob(layout: string, mediaType: string, value: object): Descriptor {
  return writeBlob(layout, mediaType, Buffer.from(JSON.stringify(value)));
}

/** Makes the directory `layout`, an OCI layout with one image of this machine's platform. */
export function writeOciLayout(layout: string, source: ImageSource): WrittenImage {
  const type = (kind: string) => `application/vnd.oci.image.${kind}`;
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const tars = source.layers.map((layer) => (typeof layer === 'string' ? tarOf(layer) : layer));
  const diffIds = tars.map(digestOf);
  const { suffix, pack } = compressions[source.compression ?? 'gzip'];
  const layers = tars.map((tar) => writeBlob(layout, type(`layer.v1.tar${suffix}`), pack(tar)));
  const config = writeJsonBlob(layout, type('config.v1+json'), {
    created: '2026-01-01T00:00:00Z',
    architecture: architectures[process.arch] ?? process.arch,
    os: 'linux',
    config: source.config,
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: diffIds.map(() => ({ created: '2026-01-01T00:00:00Z', created_by: 'oci-layout' })),
  });
  const manifest = writeJsonBlob(layout, type('manifest.v1+json'), {
    schemaVersion: 2,
    mediaType: type('manifest.v1+json'),
    config,
    layers,
  });
  const named = { ...manifest, annotations: { 'org.opencontainers.image.ref.name': source.name } };
  writeFileSync(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
  return { id: config.digest.slice('sha256:'.length), manifestDigest: manifest.digest, diffIds };
}

/** The diffIDs in the config of the only image of an OCI layout. */
export function diffIdsOf(layout: string): readonly string[] {
  const document = (digest: string) =>
    JSON.parse(readFileSync(join(layout, 'blobs', digest.replace(':', '/')), 'utf8'));
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  return document(document(index.manifests[0].digest).config.digest).rootfs.diff_ids;
}

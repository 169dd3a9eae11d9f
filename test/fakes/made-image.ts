// Small images made in memory, as manifests and blobs.

import { gzipSync } from 'node:zlib';
import { digestOf } from '../../internal/registry/digest.ts';
import type { Digest } from '../../internal/registry/registry.ts';
import { tarArchive } from '../fixtures/tar-builder.ts';

export interface MadeImage {
  readonly manifest: Buffer;
  readonly manifestType: string;
  readonly manifestDigest: Digest;
  /** Config digest without `sha256:`. */
  readonly id: string;
  readonly config: Buffer;
  /** Uncompressed, base first. */
  readonly layerTars: readonly Buffer[];
  readonly layerBlobs: readonly Buffer[];
  /** Config and layers by digest. */
  readonly blobs: ReadonlyMap<Digest, Buffer>;
}

export interface MadeImageOptions {
  readonly layers?: readonly Buffer[];
  readonly user?: string;
  readonly docker?: boolean;
  readonly architecture?: string;
}

const oci = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
};
const docker = {
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
};

/** An image of gzip layers; `layers` are tar contents. */
export function makeImage(options: MadeImageOptions = {}): MadeImage {
  const types = options.docker ? docker : oci;
  const layerTars = options.layers ?? [makeTar([{ name: 'base', content: 'base' }])];
  const layerBlobs = layerTars.map((tar) => gzipSync(tar));
  const config = Buffer.from(
    JSON.stringify({
      architecture: options.architecture ?? 'amd64',
      os: 'linux',
      created: '2026-01-02T03:04:05Z',
      config: { User: options.user ?? '', Env: ['A=b'], Cmd: ['/bin/true'] },
      rootfs: { type: 'layers', diff_ids: layerTars.map(digestOf) },
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: types.manifest,
      config: { mediaType: types.config, size: config.length, digest: digestOf(config) },
      layers: layerBlobs.map((blob) => ({
        mediaType: types.layer,
        size: blob.length,
        digest: digestOf(blob),
      })),
    }),
  );
  return {
    manifest,
    manifestType: types.manifest,
    manifestDigest: digestOf(manifest),
    id: digestOf(config).slice('sha256:'.length),
    config,
    layerTars,
    layerBlobs,
    blobs: new Map([config, ...layerBlobs].map((blob) => [digestOf(blob), blob])),
  };
}

export interface MadeList {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly digest: Digest;
}

/** An OCI index of images with their architectures, and an attestation entry as builders add it. */
export function makeList(images: readonly { image: MadeImage; architecture: string }[]): MadeList {
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  const manifests = images.map(({ image, architecture }) => ({
    mediaType: image.manifestType,
    size: image.manifest.length,
    digest: image.manifestDigest,
    platform: { os: 'linux', architecture },
  }));
  const attestation = {
    mediaType: oci.manifest,
    size: 2,
    digest: digestOf(Buffer.from('{}')),
    platform: { os: 'unknown', architecture: 'unknown' },
  };
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType, manifests: [attestation, ...manifests] }),
  );
  return { bytes, mediaType, digest: digestOf(bytes) };
}

export interface TarMember {
  readonly name: string;
  readonly content?: string | Uint8Array;
  readonly type?: string;
  readonly linkName?: string;
}

/** A tar archive; `type` as in the header (default a regular file). */
export function makeTar(members: readonly TarMember[]): Buffer {
  return tarArchive(members.map(({ content = '', ...rest }) => ({ ...rest, content: Buffer.from(content) })));
}

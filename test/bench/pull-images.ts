// The images of the pull benchmark: made on the spot, half noise and half text, as images of programs are.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf } from '../harness/oci-layout.ts';
import type { TestRegistry } from '../harness/registry.ts';

export type Compression = 'gzip' | 'zstd';

export interface ImageShape {
  readonly name: string;
  readonly layers: number;
  readonly filesPerLayer: number;
  readonly fileBytes: number;
  readonly compression: Compression;
}

const commands: Readonly<Record<Compression, readonly string[]>> = {
  gzip: ['gzip', '-6', '-n', '-c'],
  zstd: ['zstd', '-3', '-q', '-c'],
};
const largest = 1 << 30;

/** Bytes that compress to about a half. */
function halfNoise(bytes: number): Buffer {
  const half = Math.ceil(bytes / 2);
  const text = Buffer.from('the quick brown fox jumps over the lazy dog\n'.repeat(Math.ceil(half / 44)));
  return Buffer.concat([randomBytes(half), text]).subarray(0, bytes);
}

function makeLayer(directory: string, shape: ImageShape): { tar: Buffer; blob: Buffer } {
  const tree = join(directory, 'tree');
  for (let file = 0; file < shape.filesPerLayer; file += 1) {
    const folder = join(tree, `d${file % 100}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `f${file}-${randomBytes(3).toString('hex')}`), halfNoise(shape.fileBytes));
  }
  const tar = execFileSync('tar', ['-C', tree, '--sort=name', '-cf', '-', '.'], { maxBuffer: largest });
  const [program = '', ...args] = commands[shape.compression];
  const blob = execFileSync(program, args, { input: tar, maxBuffer: largest });
  rmSync(tree, { recursive: true });
  return { tar, blob };
}

/** Makes an image, pushes it and returns its reference; its blobs stay only in the registry. */
export async function pushImage(
  directory: string,
  registry: TestRegistry,
  shape: ImageShape,
): Promise<string> {
  const layout = join(directory, shape.name);
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const put = (mediaType: string, bytes: Uint8Array): object => {
    const digest = digestOf(bytes);
    writeFileSync(join(layout, 'blobs', digest.replace(':', '/')), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const type = (kind: string): string => `application/vnd.oci.image.${kind}`;
  const layers = Array.from({ length: shape.layers }, () => makeLayer(layout, shape));
  const config = {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ tar }) => digestOf(tar)) },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: type('manifest.v1+json'),
    config: put(type('config.v1+json'), Buffer.from(JSON.stringify(config))),
    layers: layers.map(({ blob }) => put(type(`layer.v1.tar+${shape.compression}`), blob)),
  };
  const manifests = [put(type('manifest.v1+json'), Buffer.from(JSON.stringify(manifest)))];
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  const reference = await registry.push(layout, `bench/${shape.name}`, 'v1');
  // Read once, so that no puller finds the registry's files colder than the others do.
  for (const { digest } of manifest.layers as { digest: string }[])
    readFileSync(join(layout, 'blobs', digest.replace(':', '/')));
  rmSync(layout, { recursive: true });
  return reference;
}

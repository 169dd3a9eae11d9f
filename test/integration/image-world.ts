// The product's images over a store of a test, speaking plain HTTP with registries on the loopback address.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostPlatform } from '../../internal/image/platform.ts';
import { StoredImages } from '../../internal/image/stored-images.ts';
import type { ImagePolicy } from '../../internal/policy/policy.ts';
import { digestOf } from '../../internal/registry/digest.ts';
import type { HttpTransport } from '../../internal/registry/http-transport.ts';
import { defaultTimeouts } from '../../internal/registry/http-transport.ts';
import { defaultRetry } from '../../internal/registry/retry.ts';
import { imageOptions, imageParts } from '../fakes/image-parts.ts';
import type { MadeImage } from '../fakes/made-image.ts';
import { openPolicy } from '../fakes/open-policy.ts';
import { registryClient, transportTo } from '../fakes/registry-client.ts';
import { limits, type World } from './storage-world.ts';

export class TestImages extends StoredImages {
  readonly architecture = hostPlatform().architecture;
  readonly #world: World;
  readonly #transport: HttpTransport;
  #layouts = 0;

  constructor(world: World, policy: ImagePolicy = openPolicy) {
    const transport = transportTo({ timeouts: defaultTimeouts });
    const registry = registryClient({ transport, retry: defaultRetry });
    const store = { layers: world.store.layers, records: world.store.images };
    super(imageParts(store, { registry, policy }), { ...imageOptions, limits, platform: hostPlatform() });
    this.#world = world;
    this.#transport = transport;
  }

  /** Writes the image as an OCI layout directory, named by its index if a name is given. */
  writeLayout(image: MadeImage, name?: string): string {
    this.#layouts += 1;
    const layout = join(this.#world.directory, `layout-${this.#layouts}`);
    mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
    for (const blob of [image.manifest, ...image.blobs.values()]) {
      writeFileSync(join(layout, 'blobs', digestOf(blob).replace(':', '/')), blob);
    }
    const { manifestType: mediaType, manifestDigest: digest } = image;
    const annotations = name === undefined ? {} : { 'org.opencontainers.image.ref.name': name };
    const entry = { mediaType, digest, size: image.manifest.length, annotations };
    writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
    writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    return layout;
  }

  /** The one-layer image with its layer's blob replaced by another compression of the same tar. */
  withLayerBlob(image: MadeImage, path: string): MadeImage {
    const blob = readFileSync(path);
    const document = JSON.parse(image.manifest.toString()) as { layers: { mediaType: string }[] };
    const mediaType = 'application/vnd.oci.image.layer.v1.tar+zstd';
    const layers = [{ mediaType, size: blob.length, digest: digestOf(blob) }];
    const manifest = Buffer.from(JSON.stringify({ ...document, layers }));
    const blobs = new Map([image.config, blob].map((each) => [digestOf(each), each]));
    return { ...image, manifest, manifestDigest: digestOf(manifest), layerBlobs: [blob], blobs };
  }

  async removeAll(): Promise<void> {
    await this.refresh();
    for (const { id } of this.list()) await this.remove(id, new AbortController().signal);
  }

  async close(): Promise<void> {
    await this.idle();
    this.#transport.close();
  }
}

export function imagesOf(world: World, policy?: ImagePolicy): TestImages {
  return new TestImages(world, policy);
}

/** A policy.json for skopeo that accepts everything, on machines without one. */
export function defaultPolicy(directory: string): string {
  const path = join(directory, 'policy.json');
  writeFileSync(path, '{"default":[{"type":"insecureAcceptAnything"}]}');
  return path;
}

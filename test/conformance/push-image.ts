// Images as registries have them: a list of platforms, in both families of media types and both compressions.

import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { digestOf } from '../harness/oci-layout.ts';

export interface SuiteImage {
  /** `REPOSITORY:TAG`; all are the same image. */
  readonly names: readonly string[];
  /** Tars, lowest first. */
  readonly layers: readonly Buffer[];
  readonly config: object;
  /** By default Docker's types with gzip. */
  readonly form?: 'docker' | 'oci' | 'oci-zstd';
  /** Without a list of platforms around it. */
  readonly isSingle?: boolean;
}

interface Form {
  readonly list: string;
  readonly manifest: string;
  readonly config: string;
  readonly layer: string;
  readonly pack: (tar: Buffer) => Buffer;
}

const oci = 'application/vnd.oci.image.';
const docker = 'application/vnd.docker.';
const gzip = (tar: Buffer): Buffer => gzipSync(tar);
const zstd = (input: Buffer): Buffer => execFileSync('zstd', ['-q'], { input, maxBuffer: 1 << 30 });
const ociTypes = {
  list: `${oci}index.v1+json`,
  manifest: `${oci}manifest.v1+json`,
  config: `${oci}config.v1+json`,
};

const forms: Readonly<Record<NonNullable<SuiteImage['form']>, Form>> = {
  docker: {
    list: `${docker}distribution.manifest.list.v2+json`,
    manifest: `${docker}distribution.manifest.v2+json`,
    config: `${docker}container.image.v1+json`,
    layer: `${docker}image.rootfs.diff.tar.gzip`,
    pack: gzip,
  },
  oci: { ...ociTypes, layer: `${oci}layer.v1.tar+gzip`, pack: gzip },
  'oci-zstd': { ...ociTypes, layer: `${oci}layer.v1.tar+zstd`, pack: zstd },
};

/** Go's name of this machine's architecture. */
export const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
/** Listed beside it, with an image that cannot run here. */
const otherArchitecture = 's390x';
const created = '2026-01-01T00:00:00Z';

export class ImagePusher {
  readonly #host: string;
  readonly #packed = new Map<string, Buffer>();

  /** `host` speaks plain HTTP. */
  constructor(host: string) {
    this.#host = host;
  }

  /** Puts the image under all its names and returns the digest by which it is pulled. */
  async push(image: SuiteImage): Promise<string> {
    const form = forms[image.form ?? 'docker'];
    let digest = '';
    for (const name of image.names) {
      const [repository = '', tag = ''] = name.split(':');
      const manifest = await this.#manifest(repository, image, architecture);
      if (image.isSingle === true) {
        digest = await this.#putManifest(repository, tag, form.manifest, manifest);
        continue;
      }
      const manifests = [
        await this.#listed(repository, form, manifest, architecture),
        await this.#listed(
          repository,
          form,
          await this.#manifest(repository, image, otherArchitecture),
          otherArchitecture,
        ),
      ];
      const list = json({ schemaVersion: 2, mediaType: form.list, manifests });
      digest = await this.#putManifest(repository, tag, form.list, list);
    }
    return digest;
  }

  async #listed(repository: string, form: Form, manifest: Buffer, architecture: string): Promise<object> {
    const digest = await this.#putManifest(repository, digestOf(manifest), form.manifest, manifest);
    const platform = { os: 'linux', architecture };
    return { mediaType: form.manifest, digest, size: manifest.length, platform };
  }

  async #manifest(repository: string, image: SuiteImage, architecture: string): Promise<Buffer> {
    const form = forms[image.form ?? 'docker'];
    const history = image.layers.map(() => ({ created, created_by: 'cria conformance' }));
    const rootfs = { type: 'layers', diff_ids: image.layers.map(digestOf) };
    const { config } = image;
    const document = json({ architecture, os: 'linux', created, config, rootfs, history });
    const layers: object[] = [];
    for (const tar of image.layers)
      layers.push(await this.#putBlob(repository, form.layer, this.#pack(form, tar)));
    return json({
      schemaVersion: 2,
      mediaType: form.manifest,
      config: await this.#putBlob(repository, form.config, document),
      layers,
    });
  }

  #pack(form: Form, tar: Buffer): Buffer {
    const key = `${form.layer} ${digestOf(tar)}`;
    const packed = this.#packed.get(key) ?? form.pack(tar);
    this.#packed.set(key, packed);
    return packed;
  }

  async #putBlob(repository: string, mediaType: string, bytes: Buffer): Promise<object> {
    const digest = digestOf(bytes);
    const blobs = `http://${this.#host}/v2/${repository}/blobs`;
    const found = await fetch(`${blobs}/${digest}`, { method: 'HEAD' });
    if (!found.ok) {
      const upload = await fetch(`${blobs}/uploads/`, { method: 'POST' });
      const place = new URL(upload.headers.get('location') ?? '', blobs);
      place.searchParams.set('digest', digest);
      await succeeded(await fetch(place, { method: 'PUT', body: new Uint8Array(bytes) }));
    }
    return { mediaType, digest, size: bytes.length };
  }

  async #putManifest(repository: string, reference: string, type: string, bytes: Buffer): Promise<string> {
    const place = `http://${this.#host}/v2/${repository}/manifests/${reference}`;
    const headers = { 'content-type': type };
    await succeeded(await fetch(place, { method: 'PUT', headers, body: new Uint8Array(bytes) }));
    return digestOf(bytes);
  }
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

async function succeeded(response: Response): Promise<void> {
  if (!response.ok)
    throw new Error(`the registry refused ${response.url}: ${response.status} ${await response.text()}`);
}

// A registry in this process, honest by default; a test makes it lie, cut connections or ask for tokens.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { digestOf } from '../../internal/registry/digest.ts';
import type { Digest } from '../../internal/registry/registry.ts';
import { freePort } from '../harness/host-network.ts';
import type { MadeImage, MadeList } from './made-image.ts';

interface StoredManifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
}

/** Returns true when it has answered (or destroyed) the request. */
export type Interception = (request: IncomingMessage, response: ServerResponse, path: string) => boolean;

export class RegistryServer {
  readonly #server: Server;
  readonly #manifests = new Map<string, StoredManifest>();
  readonly #blobs = new Map<Digest, Buffer>();
  /** `METHOD path`, in order. */
  readonly requests: string[] = [];
  readonly authorizations: (string | undefined)[] = [];
  connections = 0;
  intercept: Interception = () => false;

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#server.on('connection', () => {
      this.connections += 1;
    });
  }

  static async start(): Promise<RegistryServer> {
    const registry = new RegistryServer();
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  openConnections(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Serves an image, by its digest and these tags. */
  add(image: MadeImage, ...tags: readonly string[]): void {
    const manifest = { bytes: image.manifest, mediaType: image.manifestType };
    for (const name of [...tags, image.manifestDigest]) this.#manifests.set(name, manifest);
    for (const [digest, blob] of image.blobs) this.#blobs.set(digest, blob);
  }

  addList(list: MadeList, ...tags: readonly string[]): void {
    this.addManifest(list.bytes, list.mediaType, ...tags);
  }

  addManifest(bytes: Buffer, mediaType: string, ...tags: readonly string[]): void {
    for (const name of [...tags, digestOf(bytes)]) this.#manifests.set(name, { bytes, mediaType });
  }

  addBlob(digest: Digest, blob: Buffer): void {
    this.#blobs.set(digest, blob);
  }

  blob(digest: string): Buffer | undefined {
    return this.#blobs.get(digest as Digest);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    this.requests.push(`${request.method} ${path}`);
    this.authorizations.push(request.headers.authorization);
    if (this.intercept(request, response, path)) return;
    const [, kind, name = ''] = /^\/v2\/.+\/(manifests|blobs)\/([^/?]+)$/.exec(path) ?? [];
    if (path === '/v2/') response.writeHead(200).end('{}');
    else if (kind === 'manifests') this.#sendManifest(response, name);
    else if (kind === 'blobs') sendBlob(request, response, this.blob(name));
    else sendMissing(response, 'NAME_UNKNOWN');
  }

  #sendManifest(response: ServerResponse, name: string): void {
    const manifest = this.#manifests.get(name);
    if (manifest === undefined) {
      sendMissing(response, 'MANIFEST_UNKNOWN');
      return;
    }
    const digest = digestOf(manifest.bytes);
    response.writeHead(200, { 'content-type': manifest.mediaType, 'docker-content-digest': digest });
    response.end(manifest.bytes);
  }
}

/** An address on which nothing listens any more. */
export async function closedHost(): Promise<string> {
  return `127.0.0.1:${await freePort()}`;
}

/** Answers a blob request, with a part for a Range. */
export function sendBlob(request: IncomingMessage, response: ServerResponse, blob: Buffer | undefined): void {
  if (blob === undefined) {
    sendMissing(response, 'BLOB_UNKNOWN');
    return;
  }
  const start = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
  if (start === undefined) {
    response.writeHead(200, { 'content-length': blob.length }).end(blob);
    return;
  }
  const range = `bytes ${start}-${blob.length - 1}/${blob.length}`;
  const rest = blob.subarray(Number(start));
  response.writeHead(206, { 'content-range': range, 'content-length': rest.length }).end(rest);
}

function sendMissing(response: ServerResponse, code: string): void {
  response.writeHead(404, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code, message: 'secret-looking text' }] }));
}

// Stands before a registry on a port of its own, and misbehaves as the test says.

import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './host-network.ts';

/** Returns true when it has answered (or destroyed) the request. */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse) => boolean;

export class RegistryFront {
  readonly #server: Server;
  readonly #behind: string;
  misbehave: Misbehaviour = () => false;
  /** Each connection is cut after this many bytes of a body. */
  cutAfterBytes = Number.POSITIVE_INFINITY;
  /** Of all bodies of blobs. */
  servedBytes = 0;
  /** `METHOD path` and the headers, in order. */
  readonly requests: { readonly line: string; readonly headers: IncomingMessage['headers'] }[] = [];

  private constructor(behind: string) {
    this.#behind = behind;
    this.#server = createServer((incoming, response) => {
      this.requests.push({ line: `${incoming.method} ${incoming.url}`, headers: incoming.headers });
      if (!this.misbehave(incoming, response)) this.#forward(incoming, response);
    });
  }

  /** `behind` is `host:port`. */
  static async start(behind: string): Promise<RegistryFront> {
    const front = new RegistryFront(behind);
    const port = await freePort(); // which is still free when it restarts
    await new Promise<void>((resolve) => front.#server.listen(port, '127.0.0.1', resolve));
    return front;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  lines(): string[] {
    return this.requests.map(({ line }) => line);
  }

  /** Is away for a while, and back under the same address. */
  async restart(awayMs: number): Promise<void> {
    const { port } = this.#server.address() as AddressInfo;
    await this.close();
    await sleep(awayMs);
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #forward(incoming: IncomingMessage, response: ServerResponse): void {
    const [host = '', port = ''] = this.#behind.split(':');
    const { url = '', method, headers } = incoming;
    const outgoing = request({ host, port, path: url, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      this.#relay(answer, response, url.includes('/blobs/'));
    });
    outgoing.on('error', () => response.destroy());
    incoming.pipe(outgoing);
  }

  #relay(answer: IncomingMessage, response: ServerResponse, isBlob: boolean): void {
    let left = this.cutAfterBytes;
    answer.on('data', (chunk: Buffer) => {
      const part = chunk.subarray(0, left);
      left -= part.length;
      if (isBlob) this.servedBytes += part.length;
      const flows = response.write(part, () => {
        if (left === 0) response.destroy();
      });
      if (left === 0) answer.destroy();
      else if (!flows) {
        answer.pause();
        response.once('drain', () => answer.resume());
      }
    });
    answer.on('end', () => response.end());
    answer.on('error', () => response.destroy());
  }
}

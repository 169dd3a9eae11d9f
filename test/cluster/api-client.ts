// The API server as programs see it: what the tests wait for is asked here, without a kubectl for each look.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CertificateFiles } from '../harness/certificates.ts';
import type { Pod } from '../kubelet/pod.ts';

const limitMs = 120_000;
const podPath = (name: string): string => `/api/v1/namespaces/default/pods/${name}`;

export class ApiClient {
  readonly #address: string;
  readonly #authority: string;
  readonly #user: CertificateFiles;
  #keptAgent: Agent | undefined;

  /** The files need not exist before the first request. */
  constructor(address: string, authority: string, user: CertificateFiles) {
    this.#address = address;
    this.#authority = authority;
    this.#user = user;
  }

  /** How a TLS client of the API server is who this one is. */
  get credentials(): { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer } {
    const { certificate, key } = this.#user;
    return { ca: readFileSync(this.#authority), cert: readFileSync(certificate), key: readFileSync(key) };
  }

  get #agent(): Agent {
    this.#keptAgent ??= new Agent({ ...this.credentials, keepAlive: true });
    return this.#keptAgent;
  }

  address(path: string): string {
    return `${this.#address}${path}`;
  }

  /** The text of an answer, undefined when there is no such thing. */
  async get(path: string): Promise<string | undefined> {
    const asked = request(this.address(path), { agent: this.#agent });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    const text = (await response.setEncoding('utf8').toArray()).join('');
    if (response.statusCode === 404) return undefined;
    if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode} ${text}`);
    return text;
  }

  async object<T>(path: string): Promise<T | undefined> {
    const text = await this.get(path);
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }

  /** Resolves with the object as soon as it is there and as wished. */
  async until<T extends { readonly status: unknown }>(
    path: string,
    what: string,
    isSo: (object: T) => boolean,
  ): Promise<T> {
    const deadline = Date.now() + limitMs;
    let object = await this.object<T>(path);
    while (object === undefined || !isSo(object)) {
      if (Date.now() > deadline)
        throw new Error(`${path} ${what}: not so; it is ${JSON.stringify(object?.status, undefined, 1)}`);
      await sleep(100);
      object = await this.object<T>(path);
    }
    return object;
  }

  pod(name: string): Promise<Pod | undefined> {
    return this.object(podPath(name));
  }

  podThat(name: string, what: string, isSo: (pod: Pod) => boolean): Promise<Pod> {
    return this.until<Pod>(podPath(name), what, isSo);
  }

  /** Resolves when there is no such pod. */
  async podGone(name: string): Promise<void> {
    const deadline = Date.now() + limitMs;
    for (let pod = await this.pod(name); pod !== undefined; pod = await this.pod(name)) {
      if (Date.now() > deadline) throw new Error(`pod ${name} does not go: ${JSON.stringify(pod.status)}`);
      await sleep(100);
    }
  }

  close(): void {
    this.#keptAgent?.destroy();
  }
}

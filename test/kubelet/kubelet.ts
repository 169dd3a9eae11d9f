// A kubelet. Without an API server it runs the pods whose manifests lie in a directory, and tells of them on a port of the
// loopback address. All its state lies below one directory.

import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { join } from 'node:path';
import { ServerProgram } from '../harness/server-program.ts';
import {
  type KubeletSetup,
  kubeletArgv,
  kubeletSettings,
  readOnlyPort,
  serverPort,
} from './kubelet-settings.ts';
import type { Manifest } from './manifests.ts';
import type { Pod } from './pod.ts';

export class Kubelet {
  readonly root: string;
  readonly #program: ServerProgram;

  /** Writes the configuration; `start` starts it. */
  constructor(setup: KubeletSetup) {
    this.root = setup.root;
    for (const folder of ['manifests', 'logs', 'state'])
      mkdirSync(join(setup.root, folder), { recursive: true });
    writeFileSync(join(setup.root, 'resolv.conf'), 'nameserver 127.0.0.1\n');
    writeFileSync(join(setup.root, 'kubelet.json'), JSON.stringify(kubeletSettings(setup)));
    this.#program = new ServerProgram(kubeletArgv(setup), join(setup.root, 'kubelet.log'));
  }

  get logFile(): string {
    return this.#program.logFile;
  }

  /** Resolves when it answers; rejects when it ends before. */
  start(): Promise<void> {
    return this.#program.start(() => this.pods());
  }

  /** Ends it; its pods go on. */
  stop(): Promise<void> {
    return this.#program.stop();
  }

  /** What the kubelet tells of its pods, by name without the node's. */
  async pods(): Promise<ReadonlyMap<string, Pod>> {
    const response = await fetch(`http://127.0.0.1:${readOnlyPort}/pods`);
    const { items } = (await response.json()) as { items: Pod[] | null };
    return new Map((items ?? []).map((pod) => [pod.metadata.name.replace(/-node1$/, ''), pod]));
  }

  /** The address of a part of the kubelet's own server, which has a certificate that it signed itself. */
  address(path: string): string {
    return `https://127.0.0.1:${serverPort}${path}`;
  }

  /** The log of a container as `kubectl logs` gets it. */
  async containerLog(podName: string, name: string): Promise<string> {
    const options = { rejectUnauthorized: false };
    const path = `/containerLogs/default/${podName}-node1/${name}`;
    const [response] = (await once(get(this.address(path), options), 'response')) as [IncomingMessage];
    const parts = await response.setEncoding('utf8').toArray();
    if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode} ${parts.join('')}`);
    return parts.join('');
  }

  /** The pod starts soon; the kubelet never sees half a manifest. */
  add(manifest: Manifest): void {
    const whole = join(this.root, `${manifest.metadata.name}.json`);
    writeFileSync(whole, JSON.stringify(manifest));
    renameSync(whole, this.#fileOf(manifest));
  }

  /** The pod is stopped soon. */
  remove(manifest: Manifest): void {
    rmSync(this.#fileOf(manifest));
  }

  #fileOf(manifest: Manifest): string {
    return join(this.root, 'manifests', `${manifest.metadata.name}.json`);
  }

  log(): string {
    return this.#program.log();
  }

  logTail(lines = 15): string {
    return this.#program.logTail(lines);
  }
}

// crictl against a test's daemon: the outside judge of the CRI.

import { mkdirSync, writeFileSync } from 'node:fs';
import { attempt, command, type Outcome } from './command.ts';
import type { TestDaemon } from './daemon.ts';
import { type ContainerRequest, type PodRequest, podConfig } from './pods.ts';
import { patienceMs } from './until.ts';

export class Crictl {
  readonly #daemon: TestDaemon;

  constructor(daemon: TestDaemon) {
    this.#daemon = daemon;
  }

  /** A command line for this daemon. */
  argv(...args: readonly string[]): string[] {
    const endpoint = `unix://${this.#daemon.paths.socket}`;
    return [
      'crictl',
      '--runtime-endpoint',
      endpoint,
      '--image-endpoint',
      endpoint,
      '--timeout',
      `${patienceMs}ms`,
      ...args,
    ];
  }

  /** The trimmed stdout; rejects with crictl's words. */
  async run(...args: readonly string[]): Promise<string> {
    return (await command(this.argv(...args))).trim();
  }

  attempt(...args: readonly string[]): Promise<Outcome> {
    return attempt(this.argv(...args));
  }

  /** The parsed output of a command with `-o json`, which crictl takes only before its other arguments. */
  async json<T>(verb: string, ...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.run(verb, '-o', 'json', ...args)) as T;
  }

  #file(name: string, content: object): string {
    const file = `${this.#daemon.root}/${name}.json`;
    writeFileSync(file, JSON.stringify(content));
    return file;
  }

  /** crictl reads the proto's own field names, with enums as numbers or names. */
  #podFile(pod: PodRequest): string {
    const config = podConfig(pod);
    const namespaceOptions = { network: 0, pid: 1, ipc: 0 };
    const linux = {
      cgroup_parent: pod.cgroupParent,
      security_context: { namespace_options: namespaceOptions },
    };
    const { metadata, hostname, labels } = config;
    const file = { metadata, hostname, labels, log_directory: pod.logDirectory, linux };
    return this.#file(`pod-${pod.name}`, file);
  }

  async runPod(pod: PodRequest): Promise<string> {
    mkdirSync(pod.logDirectory, { recursive: true });
    const handler = pod.handler === '' ? [] : ['--runtime', pod.handler];
    return this.run('runp', ...handler, this.#podFile(pod));
  }

  /** Creates and starts a container; its log is `NAME.log` in the pod's log directory. */
  async startContainer(podId: string, pod: PodRequest, container: ContainerRequest): Promise<string> {
    const file = this.#file(`container-${container.name}`, {
      metadata: { name: container.name },
      image: { image: container.image },
      command: container.command ?? [],
      log_path: `${container.name}.log`,
      linux: { security_context: { namespace_options: { network: 0, pid: 1, ipc: 0 } } },
    });
    const containerId = await this.run('create', podId, file, this.#podFile(pod));
    await this.run('start', containerId);
    return containerId;
  }
}

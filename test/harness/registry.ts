// A real registry, Debian's docker-registry, on a free port of the loopback address.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { command } from './command.ts';
import { freePort } from './host-network.ts';

export class TestRegistry {
  /** `127.0.0.1:PORT`, plain HTTP. */
  readonly host: string;
  readonly #directory: string;
  readonly #process: ChildProcess;

  private constructor(host: string, directory: string, child: ChildProcess) {
    this.host = host;
    this.#directory = directory;
    this.#process = child;
  }

  /** Resolves when the registry answers. Must be stopped. */
  static async start(): Promise<TestRegistry> {
    const directory = mkdtempSync(join(tmpdir(), 'cria-registry-'));
    const host = `127.0.0.1:${await freePort()}`;
    const config = {
      version: 0.1,
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: directory }, delete: { enabled: true } },
      http: { addr: host },
    };
    const file = join(directory, 'config.yml');
    writeFileSync(file, JSON.stringify(config)); // JSON is YAML
    const child = spawn('docker-registry', ['serve', file], { stdio: 'ignore' });
    const registry = new TestRegistry(host, directory, child);
    await registry.#answers();
    return registry;
  }

  async #answers(): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt++) {
      if (
        await fetch(`http://${this.host}/v2/`).then(
          (response) => response.ok,
          () => false,
        )
      )
        return;
      await sleep(50);
    }
    await this.stop();
    throw new Error(`docker-registry does not answer on ${this.host}`);
  }

  /** What registries.conf says so that a client speaks plain HTTP with this registry. */
  get registriesConf(): string {
    return `unqualified-search-registries = []\n[[registry]]\nlocation = "${this.host}"\ninsecure = true\n`;
  }

  /** Pushes an OCI layout directory and returns the reference by tag. */
  async push(layout: string, repository: string, tag: string): Promise<string> {
    const reference = `${this.host}/${repository}:${tag}`;
    await command(['skopeo', 'copy', '--dest-tls-verify=false', `oci:${layout}`, `docker://${reference}`]);
    return reference;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = new Promise((resolve) => this.#process.once('exit', resolve));
      this.#process.kill('SIGTERM');
      await ended;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

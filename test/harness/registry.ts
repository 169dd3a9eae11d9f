// A real registry, Debian's docker-registry, on a free port of the loopback address.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CertificateFiles } from './certificates.ts';
import { command } from './command.ts';
import { freePort } from './host-network.ts';
import { until } from './until.ts';

export interface RegistryOptions {
  /** Speaks TLS with this certificate. */
  readonly tls?: CertificateFiles;
  /** Lets in only clients with a certificate of this authority. */
  readonly clientAuthority?: string;
  /** The `auth` section of its configuration. */
  readonly auth?: object;
}

/** `auth` for one user, `me`, with the password `geheim`; the hash is bcrypt's, the only one that the registry takes. */
export function passwordAuth(folder: string): object {
  const path = join(folder, 'htpasswd');
  writeFileSync(path, 'me:$2y$05$abcdefghijklmnopqrstuuVWu8RjbNovPZWAMRdd7iqaaG0mI53Uu\n');
  return { htpasswd: { realm: 'test', path } };
}

export class TestRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Of the storage; shared with those that `another` starts. */
  readonly #directory: string;
  readonly #process: ChildProcess;
  readonly #others: TestRegistry[] = [];

  private constructor(host: string, directory: string, child: ChildProcess) {
    this.host = host;
    this.#directory = directory;
    this.#process = child;
  }

  /** Speaks plain HTTP with everybody; resolves when it answers. Must be stopped. */
  static async start(): Promise<TestRegistry> {
    return TestRegistry.#over(mkdtempSync(join(tmpdir(), 'cria-registry-')), {});
  }

  /** A registry of the same images behind other doors; stopped with this one. */
  async another(options: RegistryOptions): Promise<TestRegistry> {
    const other = await TestRegistry.#over(this.#directory, options);
    this.#others.push(other);
    return other;
  }

  static async #over(directory: string, options: RegistryOptions): Promise<TestRegistry> {
    const host = `127.0.0.1:${await freePort()}`;
    const { tls, clientAuthority, auth } = options;
    const clientcas = clientAuthority === undefined ? {} : { clientcas: [clientAuthority] };
    const config = {
      version: 0.1,
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: directory }, delete: { enabled: true } },
      http: { addr: host, ...(tls && { tls: { ...tls, ...clientcas } }) },
      ...(auth && { auth }),
    };
    const file = join(directory, `config-${host.replace(':', '-')}.yml`);
    writeFileSync(file, JSON.stringify(config)); // JSON is YAML
    const child = spawn('docker-registry', ['serve', file], { stdio: 'ignore' });
    const registry = new TestRegistry(host, directory, child);
    await registry.#listens();
    return registry;
  }

  async #listens(): Promise<void> {
    try {
      await until(`docker-registry answers on ${this.host}`, async () => {
        if (this.#process.exitCode !== null) throw new Error('docker-registry has ended');
        return accepts(this.host);
      });
    } catch (cause) {
      await this.stop();
      throw cause;
    }
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
    for (const other of this.#others) await other.#end();
    await this.#end();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGTERM');
    await ended;
  }
}

function accepts(address: string): Promise<boolean> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect(Number(port), host);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

// podman and skopeo on the image store of a test's daemon, as their owner would use them on a node.

import { writeFileSync } from 'node:fs';
import { command } from './command.ts';
import type { TestDaemon } from './daemon.ts';

export interface PodmanStore {
  readonly storageRoot: string;
  readonly storageRunRoot: string;
}

export class Podman {
  readonly #daemon: TestDaemon;
  readonly #program: string;
  readonly #store: PodmanStore;
  readonly #env: Readonly<Record<string, string>>;

  constructor(daemon: TestDaemon, program = 'podman', store: PodmanStore = daemon.paths) {
    this.#daemon = daemon;
    this.#program = program;
    this.#store = store;
    const file = `${daemon.root}/containers.conf`;
    // podman's own default raises nofile and nproc, which a root without CAP_SYS_RESOURCE may not
    writeFileSync(file, '[containers]\ndefault_ulimits = []\n');
    this.#env = { CONTAINERS_CONF: file, CONTAINERS_REGISTRIES_CONF: daemon.paths.registriesConf };
  }

  /** The trimmed stdout; rejects with podman's words. */
  async run(...args: readonly string[]): Promise<string> {
    const { storageRoot, storageRunRoot } = this.#store;
    const store = ['--root', storageRoot, '--runroot', storageRunRoot, '--storage-driver', 'overlay'];
    const engine = [
      '--runtime',
      'runc',
      '--cgroup-manager',
      'cgroupfs',
      '--tmpdir',
      `${this.#daemon.root}/libpod`,
    ];
    return (await command([this.#program, ...store, ...engine, ...args], { env: this.#env })).trim();
  }

  /** Writes an image of the store as an OCI layout. */
  async export(reference: string, layout: string): Promise<void> {
    const { storageRoot, storageRunRoot } = this.#store;
    const { policy } = this.#daemon.paths;
    const source = `containers-storage:[overlay@${storageRoot}+${storageRunRoot}]${reference}`;
    await command(['skopeo', '--policy', policy, 'copy', source, `oci:${layout}`], { env: this.#env });
  }
}

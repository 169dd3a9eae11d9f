// podman and skopeo on the image store of a test's daemon, as their owner would use them on a node.

import { writeFileSync } from 'node:fs';
import { command } from './command.ts';
import type { TestDaemon } from './daemon.ts';

export class Podman {
  readonly #daemon: TestDaemon;
  readonly #env: Readonly<Record<string, string>>;

  constructor(daemon: TestDaemon) {
    this.#daemon = daemon;
    const file = `${daemon.root}/containers.conf`;
    // podman's own default raises nofile and nproc, which a root without CAP_SYS_RESOURCE may not
    writeFileSync(file, '[containers]\ndefault_ulimits = []\n');
    this.#env = { CONTAINERS_CONF: file, CONTAINERS_REGISTRIES_CONF: daemon.paths.registriesConf };
  }

  /** The trimmed stdout; rejects with podman's words. */
  async run(...args: readonly string[]): Promise<string> {
    const { storageRoot, storageRunRoot } = this.#daemon.paths;
    const store = ['--root', storageRoot, '--runroot', storageRunRoot, '--storage-driver', 'overlay'];
    const engine = [
      '--runtime',
      'runc',
      '--cgroup-manager',
      'cgroupfs',
      '--tmpdir',
      `${this.#daemon.root}/libpod`,
    ];
    return (await command(['podman', ...store, ...engine, ...args], { env: this.#env })).trim();
  }

  /** Writes an image of the store as an OCI layout. */
  async export(reference: string, layout: string): Promise<void> {
    const { storageRoot, storageRunRoot, policy } = this.#daemon.paths;
    const source = `containers-storage:[overlay@${storageRoot}+${storageRunRoot}]${reference}`;
    await command(['skopeo', '--policy', policy, 'copy', source, `oci:${layout}`], { env: this.#env });
  }
}

// Debian's containerd, the peer that every machine can have: one of its own, with its state below one directory.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { command } from '../harness/command.ts';
import { type CriClient, connect } from '../harness/cri-client.ts';
import { buildBusyboxImage, findStaticBusybox } from '../harness/images.ts';
import type { CpuCgroup } from './cpu-cgroup.ts';

export interface ContainerdSetup {
  /** Exists; it gets `root` and `state`, and may have them. */
  readonly directory: string;
  /** Of the daemon and all that it starts. */
  readonly cgroup: CpuCgroup;
  /** Lines of the CRI plugin's own table. */
  readonly cri?: string;
  /** Tables after those. */
  readonly tables?: string;
}

const startLimitMs = 20_000;

export class Containerd {
  readonly client: CriClient;
  readonly socket: string;
  readonly #directory: string;
  readonly #child: ChildProcess;

  private constructor({ directory, cgroup }: ContainerdSetup) {
    this.#directory = directory;
    this.socket = join(directory, 'c.sock');
    const config = join(directory, 'config.toml');
    this.#child = spawn('containerd', ['--config', config], { stdio: 'ignore' });
    cgroup.add(this.pid);
    this.client = connect(this.socket);
  }

  /** Resolves when it answers. */
  static async start(setup: ContainerdSetup): Promise<Containerd> {
    writeFileSync(join(setup.directory, 'config.toml'), configuration(setup));
    const containerd = new Containerd(setup);
    try {
      await containerd.#answering();
    } catch (cause) {
      await containerd.close();
      throw cause;
    }
    return containerd;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async #answering(): Promise<void> {
    const deadline = Date.now() + startLimitMs;
    const answers = (): Promise<boolean> =>
      this.client.image('ListImages', {}, 1_000).then(Boolean, () => false);
    while (!(await answers())) {
      if (this.#child.exitCode !== null || Date.now() > deadline)
        throw new Error(
          `containerd does not answer: run "containerd --config ${this.#directory}/config.toml"`,
        );
      await sleep(50);
    }
  }

  /** Resolves when its pod network is there. */
  async ready(): Promise<void> {
    const deadline = Date.now() + startLimitMs;
    for (;;) {
      const { status } = await this.client.runtime('Status', {});
      if (status?.conditions.every((condition) => condition.status)) return;
      if (Date.now() > deadline) throw new Error(`containerd is not ready: ${JSON.stringify(status)}`);
      await sleep(50);
    }
  }

  /** Makes an image of a static busybox, whose command is `cmd`. */
  async importBusybox(name: string, cmd: readonly string[]): Promise<void> {
    const layout = join(this.#directory, 'layout');
    rmSync(layout, { recursive: true, force: true });
    mkdirSync(layout);
    buildBusyboxImage(layout, name, findStaticBusybox() ?? '', cmd);
    await command(['tar', '-C', layout, '-cf', `${layout}.tar`, '.']);
    await this.ctr('images', 'import', '--index-name', name, `${layout}.tar`);
  }

  ctr(...args: readonly string[]): Promise<string> {
    return command(['ctr', '--address', this.socket, '--namespace', 'k8s.io', ...args]);
  }

  /** Ends the daemon; what it has on disk and its mounts stay. */
  async close(): Promise<void> {
    this.client.close();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await ended;
  }
}

function configuration({ directory, cri = '', tables = '' }: ContainerdSetup): string {
  return `version = 2
root = "${directory}/root"
state = "${directory}/state"
[grpc]
address = "${join(directory, 'c.sock')}"
[plugins."io.containerd.grpc.v1.cri"]
disable_apparmor = true
${cri}
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
${tables}
`;
}

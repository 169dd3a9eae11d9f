// A kubelet, the built daemon and a directory for both. contrib/kubelet.sh has made a network and a mount namespace.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DaemonOptions, TestDaemon } from '../harness/daemon.ts';
import {
  coverDirectory,
  forgetOtherCgroups,
  makeCgroup,
  makeNodeAddress,
  rememberKernelSettings,
} from './host-state.ts';
import { Kubelet } from './kubelet.ts';
import type { NodeIdentity } from './kubelet-settings.ts';
import { image } from './manifests.ts';

export class KubeletWorld {
  readonly daemon: TestDaemon;
  readonly kubelet: Kubelet;
  readonly #undo: (() => unknown)[] = [];

  /** `nodeIn` gives what the kubelet has of a cluster, in files below a directory. Must be destroyed. */
  constructor(options: DaemonOptions, nodeIn?: (root: string) => NodeIdentity) {
    makeNodeAddress();
    forgetOtherCgroups();
    this.#undo.push(rememberKernelSettings());
    for (const path of ['/var/lib/kubelet', '/var/log/containers']) this.#undo.push(coverDirectory(path));
    this.daemon = new TestDaemon(options);
    this.#undo.push(() => this.daemon.destroy());
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    const { root, paths, cgroupParent } = this.daemon;
    makeCgroup(cgroupParent);
    this.kubelet = new Kubelet({
      root: join(root, 'kubelet'),
      socket: paths.socket,
      cgroupRoot: cgroupParent,
      node: nodeIn?.(root),
    });
    this.#undo.push(() => this.kubelet.stop());
  }

  /** Resolves when the kubelet answers. */
  async start(): Promise<void> {
    // volumes are mounted where the containers' mounts see them
    execFileSync('mount', ['--make-rshared', '/']);
    await this.daemon.start();
    await this.daemon.loadBusybox(image);
    await this.kubelet.start();
  }

  /** Ends kubelet, pods and daemon; nothing of them is left. Once is enough. Rejects with what failed, behind the last step. */
  async destroy(): Promise<void> {
    const failed: unknown[] = [];
    for (let step = this.#undo.pop(); step !== undefined; step = this.#undo.pop())
      try {
        await step();
      } catch (cause) {
        failed.push(cause);
      }
    if (failed.length > 0) throw new AggregateError(failed, `not all was cleared away: ${failed.join(', ')}`);
  }
}

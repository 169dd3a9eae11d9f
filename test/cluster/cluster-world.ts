// An API server, a kubelet and the built daemon. contrib/cluster.sh has made a network and a mount namespace.

import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { DaemonOptions, TestDaemon } from '../harness/daemon.ts';
import { noMoreTraces, sessionTraces, type Traces } from '../harness/session-traces.ts';
import type { Kubelet } from '../kubelet/kubelet.ts';
import { nodeName } from '../kubelet/kubelet-settings.ts';
import { KubeletWorld } from '../kubelet/kubelet-world.ts';
import type { Manifest } from '../kubelet/manifests.ts';
import { type Conditions, isReady, type Pod } from '../kubelet/pod.ts';
import type { ApiClient } from './api-client.ts';
import { ControlPlane, nodeIdentityIn } from './control-plane.ts';
import { Kubectl, useKubeconfig } from './kubectl.ts';

export interface Node extends Conditions {
  readonly status: Conditions['status'] & { readonly nodeInfo: { readonly containerRuntimeVersion: string } };
}

export class ClusterWorld {
  readonly daemon: TestDaemon;
  readonly kubelet: Kubelet;
  readonly #node: KubeletWorld;
  readonly #control: ControlPlane;
  #startedApi: ApiClient | undefined;

  /** Must be destroyed. */
  constructor(options: DaemonOptions) {
    this.#node = new KubeletWorld(options, nodeIdentityIn);
    this.daemon = this.#node.daemon;
    this.kubelet = this.#node.kubelet;
    this.#control = new ControlPlane(this.daemon.root);
    useKubeconfig(this.#control.kubeconfig, this.daemon.root);
  }

  get api(): ApiClient {
    if (this.#startedApi === undefined) throw new Error('the API server does not run');
    return this.#startedApi;
  }

  /** Resolves when all of them answer and the node is ready. */
  async start(): Promise<void> {
    this.#startedApi = await this.#control.start();
    await this.#node.start();
    await this.api.until<Node>(`/api/v1/nodes/${nodeName}`, 'is ready', isReady);
  }

  /** The pod is made, and is ready when it resolves. */
  async ready(manifest: Manifest): Promise<Pod> {
    await this.create(manifest);
    return this.api.podThat(manifest.metadata.name, 'is ready', isReady);
  }

  async create(manifest: { readonly metadata: { readonly name: string } }): Promise<void> {
    const file = join(this.daemon.root, `${manifest.metadata.name}.json`);
    writeFileSync(file, JSON.stringify(manifest));
    await Kubectl.websocket.run('create', '-f', file);
  }

  /** What exists of sessions, once it has stopped changing. */
  traces(): Promise<Traces> {
    return sessionTraces(this.daemon);
  }

  /** Fails unless soon there is nothing that was not there before. */
  noTraces(before: Traces): Promise<void> {
    return noMoreTraces(this.daemon, before);
  }

  /** Logs of all programs for who looks for a reason. */
  keepLogs(folder: string): void {
    mkdirSync(folder, { recursive: true });
    for (const file of [...this.#control.logFiles, this.kubelet.logFile, this.daemon.logFile])
      if (existsSync(file)) copyFileSync(file, join(folder, `cluster-${basename(file)}`));
  }

  /** Ends everything; nothing of it is left. Once is enough. */
  async destroy(): Promise<void> {
    this.#startedApi?.close();
    await this.kubelet.stop();
    await this.#control.stop();
    await this.#node.destroy();
  }
}

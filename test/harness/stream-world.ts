// A daemon with one container that waits, for tests of exec, attach and port-forward.

import { Crictl } from './crictl.ts';
import type { TestDaemon } from './daemon.ts';
import { createContainer, type PodRequest, runPod } from './pods.ts';

export class StreamWorld {
  readonly daemon: TestDaemon;
  readonly crictl: Crictl;
  readonly pod: PodRequest;
  podId = '';
  /** Runs until it is stopped. */
  containerId = '';

  constructor(daemon: TestDaemon) {
    this.daemon = daemon;
    this.crictl = new Crictl(daemon);
    this.pod = daemon.pod('streams');
  }

  async start(): Promise<void> {
    await this.daemon.start();
    await this.daemon.loadBusybox('localhost/busybox:streams');
    this.podId = await runPod(this.daemon.client, this.pod);
    this.containerId = await this.container('waits', [
      'sh',
      '-c',
      'trap "exit 0" TERM; while :; do sleep 3600 & wait; done',
    ]);
  }

  /** A started container in the pod. */
  async container(name: string, command: readonly string[]): Promise<string> {
    const { client } = this.daemon;
    const request = { name, image: 'localhost/busybox:streams', command };
    const containerId = await createContainer(client, this.podId, this.pod, request);
    await client.runtime('StartContainer', { containerId });
    return containerId;
  }
}

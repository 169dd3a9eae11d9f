// A daemon with one container that waits, for tests of exec, attach and port-forward.

import { ChannelClient } from './channel-client.ts';
import { Crictl } from './crictl.ts';
import type { TestDaemon } from './daemon.ts';
import { type ContainerRequest, createContainer, type PodRequest, podConfig, runPod } from './pods.ts';
import { noMoreTraces, sessionTraces, type Traces } from './session-traces.ts';

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
    const request: ContainerRequest = { name, image: 'localhost/busybox:streams', command };
    const containerId = await createContainer(client, this.podId, this.pod, request);
    await client.runtime('StartContainer', { containerId });
    return containerId;
  }

  /** The same with streams of its own to attach to. */
  async interactive(
    name: string,
    command: readonly string[],
    streams: { readonly tty?: boolean; readonly stdinOnce?: boolean } = {},
  ): Promise<string> {
    const { client } = this.daemon;
    const { containerId } = await client.runtime('CreateContainer', {
      podSandboxId: this.podId,
      sandboxConfig: podConfig(this.pod),
      config: {
        metadata: { name, attempt: 0 },
        image: { image: 'localhost/busybox:streams' },
        command: [...command],
        logPath: `${name}.log`,
        ...{ stdin: true, tty: false, stdinOnce: false },
        ...streams,
        linux: { securityContext: { namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } } },
      },
    });
    await client.runtime('StartContainer', { containerId });
    return containerId;
  }

  /** A client of exec over WebSocket, with stdin, stdout and stderr. */
  async exec(command: readonly string[], containerId = this.containerId): Promise<ChannelClient> {
    const request = { containerId, cmd: [...command], stdin: true, stdout: true, stderr: true };
    const { url } = await this.daemon.client.runtime('Exec', request);
    return ChannelClient.connect(url, 'v5.channel.k8s.io');
  }

  /** What exists of sessions, once it has stopped changing. */
  traces(): Promise<Traces> {
    return sessionTraces(this.daemon);
  }

  /** Fails unless soon there is nothing that was not there before. */
  noTraces(before: Traces): Promise<void> {
    return noMoreTraces(this.daemon, before);
  }
}

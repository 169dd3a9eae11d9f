// A daemon with one container that waits, for tests of exec, attach and port-forward.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChannelClient } from './channel-client.ts';
import { Crictl } from './crictl.ts';
import type { TestDaemon } from './daemon.ts';
import { type ContainerRequest, createContainer, type PodRequest, podConfig, runPod } from './pods.ts';
import { processesOf } from './proc.ts';

export interface Traces {
  /** Of pods and monitors, and the daemon. */
  readonly processes: readonly string[];
  /** Of monitors: sockets and the like. */
  readonly files: readonly string[];
  /** Of the daemon. */
  readonly descriptors: number;
}

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

  /** What exists of sessions, once it has stopped changing: what has just ended takes a moment. */
  async traces(): Promise<Traces> {
    let last = '';
    for (let same = 0; ; await sleep(100)) {
      const now = this.#traces();
      const text = JSON.stringify(now);
      same = text === last ? same + 1 : 0;
      if (same === 3) return now;
      last = text;
    }
  }

  /** Fails unless soon there is nothing that was not there before. */
  async noTraces(before: Traces): Promise<void> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      const now = this.#traces();
      const more = [...added(before.processes, now.processes), ...added(before.files, now.files)];
      if (more.length === 0 && now.descriptors <= before.descriptors) return;
      if (Date.now() > deadline) {
        const text = `${more.join('\n')}\n${now.descriptors} descriptors, before ${before.descriptors}`;
        throw new Error(`sessions have left something: ${text}\n${this.daemon.logTail()}`);
      }
      await sleep(50);
    }
  }

  #traces(): Traces {
    const { root, cgroupParent, pid, paths } = this.daemon;
    const processes = processesOf(root, cgroupParent).map(({ command }) => command);
    const files = readdirSync(join(paths.runDir, 'm'), { recursive: true, encoding: 'utf8' });
    return { processes, files, descriptors: readdirSync(`/proc/${pid}/fd`).length };
  }
}

/** What `now` has that `before` lacks, or has less often. */
function added(before: readonly string[], now: readonly string[]): string[] {
  const rest = [...before];
  return now.filter((item) => {
    const at = rest.indexOf(item);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}

// `cria port-forward`.

import { setMaxListeners } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { openPodConnection } from '../../../internal/cri-client/pod-connection.ts';
import { DaemonError, describeError, hasKind } from '../../../internal/errors/daemon-error.ts';
import { errnoCode } from '../../../internal/errors/errno.ts';
import type { PortPair, WorkloadCommand } from '../cli/workload-arguments.ts';
import { streamTrust } from './command-commands.ts';
import { findPod } from './find-workload.ts';
import type { Work } from './run-command.ts';
import { listPods, type Pod } from './workload.ts';

/** Until `signal` aborts or the pod is gone. No connection is left then. */
export async function portForwardCommand(
  work: Work,
  command: Extract<WorkloadCommand, { readonly action: 'port-forward' }>,
): Promise<number> {
  const pod = findPod(await listPods(work.client, work.signal), command.pod);
  if (pod.state !== 'ready')
    throw new DaemonError(
      'failed-precondition',
      `ports of pod "${pod.id}" (${pod.namespace}/${pod.name}) cannot be forwarded: it is ${pod.state}`,
    );
  const forwarder = new Forwarder(work, pod);
  try {
    for (const pair of command.ports) {
      const local = await forwarder.listen(command.address, pair);
      work.terminal.out(`${local} leads to port ${pair.remote} of ${pod.namespace}/${pod.name}\n`);
    }
    throw await forwarder.over;
  } finally {
    forwarder.close();
  }
}

class Forwarder {
  /** Why nothing can be forwarded any more. */
  readonly over: Promise<unknown>;
  readonly #work: Work;
  readonly #pod: Pod;
  readonly #servers: Server[] = [];
  readonly #life = new AbortController();
  readonly #connections = new Set<Socket>();
  #end: (cause: unknown) => void = () => {};

  constructor(work: Work, pod: Pod) {
    this.#work = work;
    this.#pod = pod;
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
    setMaxListeners(0, this.#life.signal); // as many as there are connections
    const { signal } = work;
    const interrupted = (): void => this.#end(signal.reason);
    signal.addEventListener('abort', interrupted, { once: true });
    if (signal.aborted) interrupted();
  }

  /** Resolves with the address. Throws `unavailable` when it is taken. */
  async listen(address: string, { local, remote }: PortPair): Promise<string> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      void this.#serve(socket, remote);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        const text = `cannot listen on port ${local} of ${address}`;
        reject(new DaemonError('unavailable', text, cause));
      });
      server.on('error', () => {}); // later ones are of single connections, which the system has dropped
      server.listen({ host: address, port: local }, resolve);
    });
    this.#servers.push(server);
    const listening = server.address();
    const port = typeof listening === 'object' && listening !== null ? listening.port : local;
    return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  }

  close(): void {
    this.#life.abort(new DaemonError('cancelled', 'the command has ended'));
    for (const server of this.#servers) server.close();
    for (const socket of this.#connections) socket.destroy();
  }

  async #serve(socket: Socket, port: number): Promise<void> {
    const { client, config, terminal } = this.#work;
    this.#connections.add(socket);
    socket.on('error', () => {}); // the pipelines tell it
    socket.once('close', () => this.#connections.delete(socket));
    try {
      const request = { podSandboxId: this.#pod.id, port: [port] };
      const { url } = await client.call('PortForward', request, this.#life.signal);
      const remote = await openPodConnection(url, port, streamTrust(config), this.#life.signal);
      await Promise.all([pipeline(socket, remote, { end: true }), pipeline(remote, socket, { end: true })]);
    } catch (cause) {
      socket.resetAndDestroy();
      if (this.#life.signal.aborted) return;
      if (hasKind(cause, 'not-found') || hasKind(cause, 'failed-precondition')) this.#end(cause);
      else if (!isLeaving(cause)) terminal.err(`cria: ${describeError(cause)}\n`);
    }
  }
}

/** The local side has gone, which is its right. */
function isLeaving(cause: unknown): boolean {
  return ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(errnoCode(cause) ?? '');
}

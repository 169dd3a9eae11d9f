// What the RPCs Exec, Attach and PortForward ask for: whether it can be had now, and a URL for it.

import { attach, attachableContainer } from '../container/attach.ts';
import type { ContainerParts } from '../container/container-parts.ts';
import { exec } from '../container/exec.ts';
import { runningContainer } from '../container/exec-target.ts';
import { requireCommand } from '../container/spec/process-spec.ts';
import { dialSandbox, forwardableSandbox, requirePort, watchSandbox } from '../sandbox/port-forward.ts';
import type { SandboxParts } from '../sandbox/sandbox-parts.ts';
import type { CommandStreams } from './stream-client.ts';
import type { StreamServer } from './stream-server.ts';

export interface OfferParts {
  readonly streams: StreamServer;
  readonly containers: ContainerParts;
  readonly sandboxes: SandboxParts;
}

/** `not-found`, `failed-precondition` or `invalid-argument` when the command could not run now; and as `StreamServer.offer`. */
export function offerExec(
  { streams: server, containers }: OfferParts,
  containerId: string,
  command: readonly string[],
  streams: CommandStreams,
): string {
  const { id } = runningContainer(containers, containerId);
  requireCommand(command);
  const request = { command, terminal: streams.terminal, stdin: streams.stdin };
  const open = (signal: AbortSignal) => exec(containers, id, request, signal);
  return server.offer({ kind: 'exec', owner: id, streams, open });
}

/** `not-found` or `failed-precondition` when there is nothing to attach to; and as `StreamServer.offer`. */
export function offerAttach(
  { streams: server, containers }: OfferParts,
  containerId: string,
  streams: CommandStreams,
): string {
  const { id } = attachableContainer(containers, containerId);
  const open = (signal: AbortSignal) => attach(containers, id, streams, signal);
  return server.offer({ kind: 'attach', owner: id, streams, open });
}

/** `not-found`, `failed-precondition` or `invalid-argument` as `dialSandbox`; and as `StreamServer.offer`. */
export function offerPortForward(
  { streams: server, sandboxes }: OfferParts,
  sandboxId: string,
  ports: readonly number[],
): string {
  for (const port of ports) requirePort(port);
  const { id } = forwardableSandbox(sandboxes, sandboxId);
  return server.offer({
    kind: 'portforward',
    owner: id,
    ports,
    dial: (port, signal) => dialSandbox(sandboxes, id, port, signal),
    watch: () => watchSandbox(sandboxes, id),
  });
}

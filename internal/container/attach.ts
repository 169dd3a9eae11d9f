// Attach: a client at the streams of a container's own process.

import { DaemonError } from '../errors/daemon-error.ts';
import type { StreamSession } from '../monitor/stream-session.ts';
import type { Container } from './container.ts';
import type { ContainerParts } from './container-parts.ts';

export interface AttachedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** `not-found` for an unknown container, `failed-precondition` for one that has ended. */
export function attachableContainer(parts: ContainerParts, idOrPrefix: string): Container {
  const container = parts.containers.get(idOrPrefix);
  const { state } = container.status;
  if ((state === 'created' || state === 'running') && !container.removing) return container;
  const what = container.removing ? 'being removed' : state;
  const text = `cannot attach to container "${container.id}": it is ${what}`;
  throw new DaemonError(
    'failed-precondition',
    `${text}, only one that is created or running can be attached to`,
  );
}

/**
 * All output from now on, and stdin where the container has one; what a client wants beyond that is absent. A client that
 * does not read holds the container up for five seconds at most, then its session ends. Rejects as `attachableContainer`, and
 * with `failed-precondition` when there is no place.
 */
export async function attach(
  parts: ContainerParts,
  idOrPrefix: string,
  wanted: AttachedStreams,
  signal: AbortSignal,
): Promise<StreamSession> {
  const container = attachableContainer(parts, idOrPrefix);
  const { tty, stdin } = container.metadata.config;
  const request = {
    containerId: container.id,
    stdin: wanted.stdin && stdin,
    stdout: wanted.stdout,
    stderr: wanted.stderr && !tty,
    mode: 'lossless',
  } as const;
  return parts.monitors.attach(request, signal);
}

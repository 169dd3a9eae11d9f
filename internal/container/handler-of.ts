// The runtime handler that a container belongs to, and what its containers cannot have.

import { DaemonError } from '../errors/daemon-error.ts';
import type { RuntimeHandler } from '../oci/oci-runtime.ts';
import type { ContainerMetadata } from './container.ts';
import type { NamespaceMode } from './container-config.ts';
import type { ContainerParts } from './container-parts.ts';

/** Of a container that exists, also when the configuration no longer has its handler. */
export function handlerOf(
  parts: Pick<ContainerParts, 'runtimes'>,
  { runtimeHandler, runtime }: Pick<ContainerMetadata, 'runtimeHandler' | 'runtime'>,
): RuntimeHandler {
  return parts.runtimes.of(runtimeHandler, runtime);
}

const pidModes = { pod: 'POD', container: 'CONTAINER', node: 'NODE', target: 'TARGET' } as const;

/** `failed-precondition` for processes that would have to be seen across kernels: they would silently not be. */
export function requireOwnPids({ name, features }: RuntimeHandler, pid: NamespaceMode): void {
  if (!features.kernelPerContainer || pid === 'container') return;
  const text = `pid namespace mode ${pidModes[pid]} is not possible with runtime handler "${name}"`;
  throw new DaemonError('failed-precondition', `${text}: it gives each container a kernel of its own`);
}

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

/** `failed-precondition` for the host's processes where they would silently not be seen, from another kernel. */
export function requireVisiblePids({ name, features }: RuntimeHandler, pid: NamespaceMode): void {
  if (!features.kernelPerPod || pid !== 'node') return;
  const text = `pid namespace mode NODE is not possible with runtime handler "${name}"`;
  throw new DaemonError('failed-precondition', `${text}: it gives each pod a kernel of its own`);
}

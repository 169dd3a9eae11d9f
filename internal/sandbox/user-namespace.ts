// Pods with a user namespace of their own (`hostUsers: false`): which can be run, and what has to be open for them.

import { dirname } from 'node:path';
import type { MountAbilities } from '../container/container-parts.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { makePassable } from '../fs/passable.ts';
import type { RuntimeHandler } from '../oci/oci-runtime.ts';
import type { NamespaceOptions } from './sandbox-config.ts';
import type { SandboxParts } from './sandbox-parts.ts';

/** Refuses a user namespace together with a namespace of the host, and one that nobody here could make. */
export function checkUserNamespace(
  namespaces: NamespaceOptions,
  abilities: MountAbilities,
  handler: RuntimeHandler,
): void {
  if (namespaces.idMaps === undefined) return;
  for (const name of ['network', 'pid', 'ipc'] as const) {
    if (namespaces[name] !== 'node') continue;
    const text = `a pod with a user namespace of its own cannot use the host's ${name} namespace`;
    throw new DaemonError('invalid-argument', text);
  }
  const why = whyNoUserNamespace(abilities, handler);
  if (why === undefined) return;
  const text = `pods with a user namespace cannot be run by handler "${handler.name}": ${why}`;
  throw new DaemonError('failed-precondition', text);
}

/** Undefined when pods of this handler can have one; what Status announces. */
export function whyNoUserNamespace(abilities: MountAbilities, handler: RuntimeHandler): string | undefined {
  if (!handler.features.userNamespaces) return 'its runtime knows no user namespaces';
  return abilities.noUserNamespaces;
}

/**
 * Lets the root of a user namespace, who is a common user on the host, come as far as the containers' directories, each of
 * which is closed by itself.
 */
export async function openDirectories({ containers }: SandboxParts): Promise<void> {
  const { run } = containers.directories;
  for (const directory of [dirname(run), run]) await makePassable(directory);
}

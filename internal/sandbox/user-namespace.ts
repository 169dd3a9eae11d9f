// Pods with a user namespace of their own (`hostUsers: false`, or CRI-O's annotation): which can be run, whose ids they have,
// and what has to be open for them.

import { dirname } from 'node:path';
import type { MountAbilities } from '../container/container-parts.ts';
import { podFeatures } from '../container/pod-features.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { makePassable } from '../fs/passable.ts';
import type { RuntimeHandler } from '../oci/oci-runtime.ts';
import { type IdMaps, joinRanges, outsideRanges } from '../sys/id-maps.ts';
import type { SandboxRecord } from './sandbox.ts';
import type { NamespaceOptions } from './sandbox-config.ts';
import type { SandboxParts } from './sandbox-parts.ts';
import { usernsModeOf } from './userns-mode.ts';

/** The ids of the pod's own user namespace; undefined: the host's. */
export function idMapsOf({ config, chosenIdMaps }: SandboxRecord): IdMaps | undefined {
  return config.namespaces.idMaps ?? chosenIdMaps;
}

/**
 * Chooses the ids for a pod whose annotation asks for a user namespace; undefined for any other. What the kubelet asks for
 * comes first, but NODE is only what it says of every pod without `hostUsers: false`. Settle the ids when the sandbox is made.
 */
export async function chooseIdMaps(parts: SandboxParts, record: SandboxRecord): Promise<IdMaps | undefined> {
  const { containers, sandboxes, automaticIds } = parts;
  const { config } = record;
  const { namespaces, annotations } = config;
  if (namespaces.idMaps !== undefined) {
    automaticIds.claim(record.id, namespaces.idMaps);
    return undefined;
  }
  const handler = containers.runtimes.get(record.runtimeHandler);
  const { allowedAnnotations } = handler;
  const { workloads } = containers.defaults;
  const features = podFeatures(annotations, { allowedAnnotations, workloads });
  const mode = usernsModeOf(features, config, parts.defaults.minimumMappable);
  if (mode === undefined) return undefined;
  requireUserNamespace(namespaces, containers.abilities, handler);
  return automaticIds.choose(record.id, mode, async () => {
    const inStore = await containers.layers.idsInUse();
    const ofPods = sandboxes.list().flatMap((sandbox) => idMapsOf(sandbox.record) ?? []);
    return joinRanges([inStore, ...ofPods.map(outsideRanges)]);
  });
}

/** Refuses a user namespace together with a namespace of the host, and one that nobody here could make. */
export function requireUserNamespace(
  namespaces: NamespaceOptions,
  abilities: MountAbilities,
  handler: RuntimeHandler,
): void {
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

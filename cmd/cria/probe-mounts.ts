// What this machine lets us mount, tried out once at the start: what Status announces must be true.

import { join } from 'node:path';
import type { MountAbilities } from '../../internal/container/container-parts.ts';
import { describeError } from '../../internal/errors/daemon-error.ts';
import { detachMount } from '../../internal/fs/detach-mount.ts';
import { ensureDirectory, removeTree } from '../../internal/fs/directories.ts';
import { closedParent } from '../../internal/fs/passable.ts';
import type { Logger } from '../../internal/log/logger.ts';
import type { NamespacePinner } from '../../internal/namespaces/namespace-pinner.ts';
import type { ContainerLayers } from '../../internal/storage/store.ts';
import { cloneMount } from '../../internal/sys/clone-mount.ts';

export interface ProbeParts {
  readonly runDir: string;
  readonly namespaces: NamespacePinner;
  readonly layers: ContainerLayers;
  readonly logger: Logger;
}

/** Any will do: nothing runs in it. */
const probeMap = { inside: 0, outside: 65_536, length: 65_536 };

/** Always the same, so that a start finds what an earlier one left that died in the middle. */
const probeId = '0'.repeat(64);

/** Tries both, and leaves nothing. What cannot be done is told in the log, with the reason. */
export async function probeMounts(parts: ProbeParts): Promise<MountAbilities> {
  const [noReadOnly, noUserNamespaces] = await Promise.all([
    reasonAgainst(() => tryRecursiveReadOnly(parts.runDir)),
    reasonAgainst(() => tryUserNamespace(parts)),
  ]);
  if (noReadOnly !== undefined)
    parts.logger.info({ why: noReadOnly }, 'mounts cannot be made recursively read-only');
  if (noUserNamespaces !== undefined)
    parts.logger.info({ why: noUserNamespaces }, 'pods cannot have user namespaces');
  return { recursiveReadOnly: noReadOnly === undefined, noUserNamespaces };
}

async function reasonAgainst(attempt: () => Promise<void>): Promise<string | undefined> {
  return attempt().then(() => undefined, describeError);
}

async function tryRecursiveReadOnly(runDir: string): Promise<void> {
  const own = join(runDir, 'probe');
  const [source, target] = [join(own, 'source'), join(own, 'target')];
  try {
    for (const directory of [source, target]) await ensureDirectory(directory);
    await cloneMount({ source, target, readOnly: 'all', recursive: true });
  } finally {
    await detachMount(target);
    await removeTree(own);
  }
}

async function tryUserNamespace({ runDir, namespaces, layers }: ProbeParts): Promise<void> {
  const closed = await closedParent(runDir);
  if (closed !== undefined)
    throw new Error(`only root can go through "${closed}" to the root file systems of containers`);
  const request = { sandboxId: probeId, network: true, ipc: true, uts: true, hostname: '', sysctls: {} };
  const signal = new AbortController().signal;
  await namespaces.unpin(probeId);
  try {
    const { user } = await namespaces.pin({ ...request, user: { uids: probeMap, gids: probeMap } }, signal);
    if (user !== undefined) await layers.probeIdMaps(user);
  } finally {
    await namespaces.unpin(probeId);
  }
}

// Mounts of a request that are made ready before the OCI runtime binds them: with the pod's ids, or read-only down to the
// last mount below. So they are the same under every runtime, whatever it knows of them. The runtime's mounts are copies:
// ours go when the container is created.

import { mkdir, rmdir, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RegisterUndo } from '../async/rollback.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import { detachMount } from '../fs/detach-mount.ts';
import { ensureDirectory, listDirectory } from '../fs/directories.ts';
import type { RuntimeHandler } from '../oci/oci-runtime.ts';
import { cloneMount } from '../sys/clone-mount.ts';
import { equalIdMaps } from '../sys/id-maps.ts';
import { SystemCallError } from '../sys/libc.ts';
import type { ContainerMount } from './container-config.ts';
import type { ContainerParts, MountAbilities } from './container-parts.ts';
import type { Subject } from './creation-subject.ts';
import { checkMount } from './spec/mounts.ts';
import type { PodUserNamespace } from './spec/spec-input.ts';

/** What of a mount the OCI runtime does not have to do. */
interface Plan {
  readonly userNamespacePath: string | undefined;
  readonly readOnly: 'all' | 'top' | undefined;
}

/**
 * The same mounts, those that needed it with a source of ours. Their sources are resolved. `releaseMounts` takes away what is
 * made here.
 */
export async function prepareMounts(
  parts: ContainerParts,
  { metadata, pod, handler }: Subject,
  mounts: readonly ContainerMount[],
  rollback: RegisterUndo,
): Promise<readonly ContainerMount[]> {
  const directory = directoryOf(parts, metadata.id);
  const ready: ContainerMount[] = [];
  const leavesReadOnly = !preparesReadOnly(handler);
  for (const mount of mounts) {
    const plan = planOf(mount, pod.facts.userNamespace, leavesReadOnly);
    const plain = { ...mount, idMaps: isMapped(mount, pod.facts.userNamespace) ? undefined : mount.idMaps };
    if (plan === undefined) {
      ready.push(plain);
      continue;
    }
    checkMount(plain, true);
    if (ready.every(({ hostPath }) => !hostPath.startsWith(`${directory}/`)))
      rollback('take away prepared mounts', () => releaseMounts(parts, metadata.id));
    const hostPath = await prepare(join(directory, String(ready.length)), mount, plan);
    const isAsSource = pod.facts.userNamespace !== undefined;
    ready.push({ ...plain, hostPath, recursiveReadOnly: false, isAsSource });
  }
  return ready;
}

/** Whether containers of the handler can have mounts that are read-only down to the last one below: by their runtime, or by us. */
export function hasRecursiveReadOnly(abilities: MountAbilities, handler: RuntimeHandler): boolean {
  return (
    handler.features.recursiveReadOnlyMounts || (preparesReadOnly(handler) && abilities.recursiveReadOnly)
  );
}

/** A kernel of its own takes the mounts of a container when that starts: ours are gone by then. */
function preparesReadOnly({ features }: RuntimeHandler): boolean {
  return !features.recursiveReadOnlyMounts && features.kernelPerPod !== true;
}

/** Idempotent. The mounts are those of a container that is created, or will never be. */
export async function releaseMounts(
  parts: Pick<ContainerParts, 'preparedMounts'>,
  containerId: string,
): Promise<void> {
  const directory = directoryOf(parts, containerId);
  const names = await listDirectory(directory);
  for (const name of names) {
    const path = join(directory, name);
    await detachMount(path);
    // Never a tree: behind a mount that stays are files of the pod.
    if ((await stat(path)).isDirectory()) await rmdir(path);
    else await unlink(path);
  }
  await rmdir(directory).catch((cause: unknown) => {
    if (!isENOENT(cause)) throw cause;
  });
}

function directoryOf(
  { preparedMounts }: Pick<ContainerParts, 'preparedMounts'>,
  containerId: string,
): string {
  return join(preparedMounts, containerId);
}

function isMapped(mount: ContainerMount, userNamespace: PodUserNamespace | undefined): boolean {
  if (mount.idMaps === undefined || userNamespace === undefined) return false;
  if (equalIdMaps(mount.idMaps, userNamespace.idMaps)) return true;
  throw new DaemonError(
    'invalid-argument',
    `${whereOf(mount)}: its id mappings are not those of the pod's user namespace`,
  );
}

/**
 * Undefined for a mount that the runtime makes by itself. In a user namespace we make them read-only: a runtime that does it
 * there drops flags of the source, such as nodev, which the kernel does not allow to the namespace's root (runc 1.1). A volume
 * made of an image is mounted with the right ids.
 */
function planOf(
  mount: ContainerMount,
  userNamespace: PodUserNamespace | undefined,
  leavesReadOnly: boolean,
): Plan | undefined {
  const mapsIds = mount.image === '' && isMapped(mount, userNamespace);
  const userNamespacePath = mapsIds ? userNamespace?.path : undefined;
  const leaves = userNamespace === undefined && (leavesReadOnly || !mount.recursiveReadOnly);
  const readOnly = leaves || !mount.readonly ? undefined : mount.recursiveReadOnly ? 'all' : 'top';
  return userNamespacePath === undefined && readOnly === undefined
    ? undefined
    : { userNamespacePath, readOnly };
}

async function prepare(target: string, mount: ContainerMount, plan: Plan): Promise<string> {
  const source = mount.hostPath;
  const isDirectory = (await stat(source)).isDirectory();
  await ensureDirectory(join(target, '..'));
  if (isDirectory) await mkdir(target, { mode: 0o700 });
  else await writeFile(target, '', { mode: 0o600, flag: 'wx' });
  try {
    await cloneMount({ source, target, ...plan, recursive: true });
  } catch (cause) {
    throw refused(mount, plan, cause);
  }
  return target;
}

function refused(mount: ContainerMount, plan: Plan, cause: unknown): unknown {
  if (!(cause instanceof SystemCallError)) return cause;
  const where = `${whereOf(mount)} of "${mount.hostPath}"`;
  if (plan.userNamespacePath !== undefined && cause.syscall === 'mount_setattr') {
    const text = `${where}: its file system cannot map ids for the pod's user namespace (${cause.code})`;
    return new DaemonError('failed-precondition', text, cause);
  }
  const prefix = plan.readOnly === undefined ? '' : 'RROUnsupported: '; // the kubelet looks for it
  return new DaemonError('failed-precondition', `${prefix}${where} cannot be cloned (${cause.code})`, cause);
}

function whereOf(mount: ContainerMount): string {
  return `mount at ${JSON.stringify(mount.containerPath)}`;
}

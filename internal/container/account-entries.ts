// Account files of a container whose user or group the image does not know, as where a cluster gives each namespace ids of its own.

import { constants } from 'node:fs';
import { chmod, chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDirectory } from '../fs/directories.ts';
import { makePassable } from '../fs/passable.ts';
import type { MountSpec, RuntimeSpec } from '../oci/runtime-spec.ts';
import { openHandleInRoot } from '../sys/resolve-in-root.ts';
import { containerPaths } from './container-files.ts';
import type { ContainerParts } from './container-parts.ts';
import { groupWith, passwdWith } from './spec/account-files.ts';
import type { SpecInput } from './spec/spec-input.ts';

/** Write permission of others than the owner: such an image adds the line by itself when it starts. */
const othersMayWrite = 0o022;

/**
 * The spec with copies of /etc/passwd and /etc/group over those of the image, each with the line that it lacks; where the pod mounts
 * something else there, or the image has no such file, with none. They are made before all other mounts: an image whose file is a link
 * must not make one in a volume of the pod.
 */
export async function withAccounts(
  parts: Pick<ContainerParts, 'directories' | 'selinux'>,
  input: SpecInput,
  spec: RuntimeSpec,
): Promise<RuntimeSpec> {
  const { uid, gid } = spec.process.user;
  const home = spec.process.env.find((entry) => entry.startsWith('HOME='))?.slice('HOME='.length) ?? '/';
  const wanted = [
    { path: '/etc/passwd', text: passwdWith(input.passwdText, { uid, gid, home }) },
    { path: '/etc/group', text: groupWith(input.groupText, gid) },
  ];
  const { accounts } = containerPaths(parts.directories, input.containerId);
  const binds: MountSpec[] = [];
  for (const { path, text } of wanted) {
    if (text === undefined || isTaken(path, spec.mounts)) continue;
    const source = await copyWith(text, { path, rootfs: input.rootfsPath, directory: accounts });
    if (source !== undefined) binds.push(bindOf(path, source, spec));
  }
  if (binds.length > 0) await parts.selinux.relabel({ path: accounts, label: input.labels.mount });
  return { ...spec, mounts: [...binds, ...spec.mounts] };
}

function isTaken(path: string, mounts: readonly MountSpec[]): boolean {
  return mounts.some(({ destination }) => destination === path || path.startsWith(`${destination}/`));
}

/** A file with the owner and the permissions of the image's. */
async function copyWith(
  text: string,
  { path, rootfs, directory }: { readonly path: string; readonly rootfs: string; readonly directory: string },
): Promise<string | undefined> {
  const file = await openHandleInRoot(rootfs, path, constants.O_RDONLY | constants.O_NONBLOCK);
  const { mode, uid, gid } = await file.stat().finally(() => file.close());
  if ((mode & othersMayWrite) !== 0) return undefined;
  await ensureDirectory(directory);
  await makePassable(directory); // the runtime may come as the root of a user namespace
  const copy = join(directory, path.slice('/etc/'.length));
  await writeFile(copy, text, { flag: 'wx' });
  await chown(copy, uid, gid);
  await chmod(copy, mode & 0o777);
  return copy;
}

function bindOf(destination: string, source: string, { root }: RuntimeSpec): MountSpec {
  const access = root.readonly ? 'ro' : 'rw';
  return {
    destination,
    type: 'bind',
    source,
    options: ['bind', 'rprivate', 'nosuid', 'nodev', 'noexec', access],
  };
}

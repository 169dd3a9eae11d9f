// The time zone of a container: /etc/localtime in its root file system (localtime(5)).

import { constants } from 'node:fs';
import { type FileHandle, lchown, mkdir, open, symlink, unlink } from 'node:fs/promises';
import { posix } from 'node:path';
import { type TimeZone, zoneDirectory, zoneMagic } from '../documents/time-zones.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode, isENOENT } from '../errors/errno.ts';
import { openHandleInRoot } from '../sys/resolve-in-root.ts';
import type { ContainerMount } from './container-config.ts';
import { readRootfsText } from './rootfs-files.ts';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Whether the pod brings an /etc/localtime of its own. */
export function bringsTimeZone(mounts: readonly ContainerMount[]): boolean {
  const own = ['/etc', '/etc/localtime'];
  return mounts.some(({ containerPath }) => own.includes(posix.resolve('/', containerPath)));
}

/**
 * Makes the mounted root file system say `zone`: by a link where the image has the zone, because programs take its name from there,
 * else by a copy of the file, which `owner` owns. What the image had there is replaced, not followed: a mount in the place
 * of a link would change the zone that the link names.
 */
export async function setTimeZone(rootfs: string, zone: TimeZone, owner: Owner): Promise<void> {
  try {
    const etc = await openEtc(rootfs, owner);
    try {
      const by = (await hasZone(rootfs, zone)) ? zone.path : zone.data;
      await replace(`/proc/self/fd/${etc.fd}/localtime`, by, owner);
    } finally {
      await etc.close();
    }
  } catch (cause) {
    const text = 'the option timezone cannot be applied to this image: its /etc/localtime cannot be replaced';
    throw new DaemonError('failed-precondition', `${text} (${errnoCode(cause) ?? 'unknown error'})`, cause);
  }
}

async function openEtc(rootfs: string, owner: Owner): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY;
  try {
    return await openHandleInRoot(rootfs, '/etc', flags);
  } catch (cause) {
    if (!isENOENT(cause)) throw cause;
  }
  const etc = `${rootfs}/etc`;
  await mkdir(etc, { mode: 0o755 }); // a link that leads nowhere is in the way
  await lchown(etc, owner.uid, owner.gid);
  return openHandleInRoot(rootfs, '/etc', flags);
}

async function hasZone(rootfs: string, { path }: TimeZone): Promise<boolean> {
  if (!path.startsWith(`${zoneDirectory}/`)) return false;
  return (await readRootfsText(rootfs, path, zoneMagic.length)) === zoneMagic;
}

/** Of an open directory: its last part is all that is looked up, and never followed. */
async function replace(path: string, by: string | Buffer, { uid, gid }: Owner): Promise<void> {
  await unlink(path).catch((cause: unknown) => {
    if (!isENOENT(cause)) throw cause;
  });
  if (typeof by === 'string') {
    await symlink(by, path);
    await lchown(path, uid, gid);
    return;
  }
  const file = await open(path, 'wx', 0o644);
  try {
    await file.writeFile(by);
    await file.chmod(0o644); // whatever the daemon's umask is
    await file.chown(uid, gid);
  } finally {
    await file.close();
  }
}

// The time zone of a container: /etc/localtime in its root file system (localtime(5)).

import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lchownSync,
  mkdirSync,
  openSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { posix } from 'node:path';
import { type TimeZone, zoneDirectory, zoneMagic } from '../documents/time-zones.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode, isENOENT } from '../errors/errno.ts';
import { openInRoot } from '../sys/resolve-in-root.ts';
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
export function setTimeZone(rootfs: string, zone: TimeZone, owner: Owner): void {
  try {
    const etc = openEtc(rootfs, owner);
    try {
      replace(`/proc/self/fd/${etc}/localtime`, hasZone(rootfs, zone) ? zone.path : zone.data, owner);
    } finally {
      closeSync(etc);
    }
  } catch (cause) {
    const text = 'the option timezone cannot be applied to this image: its /etc/localtime cannot be replaced';
    throw new DaemonError('failed-precondition', `${text} (${errnoCode(cause) ?? 'unknown error'})`, cause);
  }
}

function openEtc(rootfs: string, owner: Owner): number {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY;
  try {
    return openInRoot(rootfs, '/etc', flags);
  } catch (cause) {
    if (!isENOENT(cause)) throw cause;
  }
  const etc = `${rootfs}/etc`;
  mkdirSync(etc, { mode: 0o755 }); // a link that leads nowhere is in the way
  lchownSync(etc, owner.uid, owner.gid);
  return openInRoot(rootfs, '/etc', flags);
}

function hasZone(rootfs: string, { path }: TimeZone): boolean {
  return path.startsWith(`${zoneDirectory}/`) && readRootfsText(rootfs, path, zoneMagic.length) === zoneMagic;
}

/** Of an open directory: its last part is all that is looked up, and never followed. */
function replace(path: string, by: string | Buffer, { uid, gid }: Owner): void {
  try {
    unlinkSync(path);
  } catch (cause) {
    if (!isENOENT(cause)) throw cause;
  }
  if (typeof by === 'string') {
    symlinkSync(by, path);
    lchownSync(path, uid, gid);
    return;
  }
  const fd = openSync(path, 'wx', 0o644);
  try {
    writeFileSync(fd, by);
    fchmodSync(fd, 0o644); // whatever the daemon's umask is
    fchownSync(fd, uid, gid);
  } finally {
    closeSync(fd);
  }
}

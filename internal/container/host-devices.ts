// Device nodes of the host, looked up for the spec.

import type { Dirent, Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode, isENOENT } from '../errors/errno.ts';
import type { ContainerDevice } from './container-config.ts';
import type { HostDevice, RequestedDevice } from './spec/spec-input.ts';

/** Parts of /dev that a container has its own of. */
const ownInContainer = new Set(['pts', 'shm', 'fd', 'mqueue', 'console', '.lxc', '.lxd-mounts', '.udev']);

/** The nodes that each requested device stands for; `invalid-argument` naming a path that is no device. */
export async function lookUpDevices(devices: readonly ContainerDevice[]): Promise<RequestedDevice[]> {
  return Promise.all(
    devices.map(async ({ hostPath, containerPath, permissions }) => {
      if (!isAbsolute(hostPath))
        throw new DaemonError('invalid-argument', `device "${hostPath}" is not an absolute path`);
      const nodes = await nodesAt(hostPath);
      if (nodes.length > 0) return { hostPath, containerPath, permissions, nodes };
      throw new DaemonError(
        'invalid-argument',
        `device "${hostPath}" is not a device node or a directory with some`,
      );
    }),
  );
}

/** Every device below /dev, for privileged containers. */
export async function allHostDevices(): Promise<HostDevice[]> {
  return devicesBelow('/dev');
}

async function nodesAt(path: string): Promise<HostDevice[]> {
  let found: Stats;
  try {
    found = await stat(path);
  } catch (cause) {
    const text = `device "${path}" cannot be used (${errnoCode(cause) ?? 'unknown error'})`;
    throw new DaemonError('invalid-argument', text, cause);
  }
  if (found.isDirectory()) return devicesBelow(path);
  const device = deviceOf(path, found);
  return device === undefined ? [] : [device];
}

async function devicesBelow(directory: string): Promise<HostDevice[]> {
  const found: HostDevice[] = [];
  for (const entry of await entriesOf(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory() && !ownInContainer.has(entry.name)) found.push(...(await devicesBelow(path)));
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) continue;
    if (directory === '/dev' && ownInContainer.has(entry.name)) continue;
    try {
      const device = deviceOf(path, await stat(path));
      if (device !== undefined) found.push(device);
    } catch (cause) {
      if (!isENOENT(cause)) throw cause; // unplugged meanwhile
    }
  }
  return found;
}

/** None of a directory that is gone since it was seen: with the last device of a bus goes its directory. */
async function entriesOf(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (cause) {
    if (isENOENT(cause)) return [];
    throw cause;
  }
}

/** Undefined for what is no device. */
export function deviceOf(path: string, found: Stats): HostDevice | undefined {
  if (!found.isCharacterDevice() && !found.isBlockDevice()) return undefined;
  const device = BigInt(found.rdev);
  return {
    path,
    type: found.isBlockDevice() ? 'b' : 'c',
    // makedev(3) of glibc: 12 + 20 bits of major, 8 + 24 bits of minor, interleaved
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
    fileMode: found.mode & 0o777,
    uid: found.uid,
    gid: found.gid,
  };
}

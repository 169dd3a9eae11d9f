// How much memory the cgroup of a process cannot give back.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoCode } from '../errors/errno.ts';
import { type CgroupMount, listCgroupMounts } from './hierarchy.ts';

interface MemoryFiles {
  readonly usage: string;
  /** In memory.stat: file pages that the kernel drops first. */
  readonly reclaimable: string;
}

const v1Files: MemoryFiles = { usage: 'memory.usage_in_bytes', reclaimable: 'total_inactive_file' };
const v2Files: MemoryFiles = { usage: 'memory.current', reclaimable: 'inactive_file' };

/** The working set, as the kubelet reckons it, in bytes; undefined where the process or the memory controller is not there. */
export async function workingSetBytes(pid: number): Promise<bigint | undefined> {
  try {
    const found = memoryCgroup(await readFile(`/proc/${pid}/cgroup`, 'utf8'), await listCgroupMounts());
    if (found === undefined) return undefined;
    const [usage, stat] = await Promise.all([
      readFile(join(found.directory, found.files.usage), 'utf8'),
      readFile(join(found.directory, 'memory.stat'), 'utf8'),
    ]);
    const [, reclaimable = '0'] = new RegExp(`^${found.files.reclaimable} (\\d+)$`, 'm').exec(stat) ?? [];
    const used = BigInt(usage.trim()) - BigInt(reclaimable);
    return used > 0n ? used : 0n;
  } catch (cause) {
    if (['ENOENT', 'ESRCH', 'ENODEV'].includes(errnoCode(cause) ?? '')) return undefined;
    throw cause;
  }
}

/** Finds a process's memory cgroup by its /proc/PID/cgroup: a v1 hierarchy with the controller, else v2. */
export function memoryCgroup(
  text: string,
  mounts: readonly CgroupMount[],
): { readonly directory: string; readonly files: MemoryFiles } | undefined {
  const lines = text.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    return controllers === undefined || path === undefined
      ? []
      : [{ controllers: controllers.split(','), path }];
  });
  const v1 = lines.find(({ controllers }) => controllers.includes('memory'));
  const line = v1 ?? lines.find(({ controllers }) => controllers[0] === '');
  const mount = mounts.find(({ controllers }) =>
    v1 === undefined ? controllers === undefined : controllers?.includes('memory'),
  );
  if (line === undefined || mount === undefined) return undefined;
  return { directory: join(mount.path, line.path), files: v1 === undefined ? v2Files : v1Files };
}

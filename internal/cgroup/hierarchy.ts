// Where the cgroup hierarchies of this machine are mounted.

import { readFile } from 'node:fs/promises';

export interface CgroupMount {
  readonly path: string;
  /** Of a v1 hierarchy, from its mount options; undefined for cgroup v2. */
  readonly controllers: readonly string[] | undefined;
}

/** Every cgroup v1 hierarchy and cgroup v2, from mountinfo's text. */
export function cgroupMounts(mountinfo: string): CgroupMount[] {
  const found: CgroupMount[] = [];
  for (const line of mountinfo.split('\n')) {
    // mountinfo(5): fields before " - " are ids, device, root, mount point; after it type, source, super options
    const [before = '', after = ''] = line.split(' - ');
    const [type, , options = ''] = after.split(' ');
    const fields = before.split(' ');
    const [root, path] = [fields[3], fields[4]];
    if ((type === 'cgroup' || type === 'cgroup2') && root === '/' && path !== undefined)
      found.push({ path, controllers: type === 'cgroup2' ? undefined : options.split(',') });
  }
  return found;
}

/** The same for the running machine. */
export async function listCgroupMounts(): Promise<CgroupMount[]> {
  return cgroupMounts(await readFile('/proc/self/mountinfo', 'utf8'));
}

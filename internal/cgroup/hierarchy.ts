// Where the cgroup hierarchies of this machine are mounted.

import { readFile } from 'node:fs/promises';

/** Mount points of every cgroup v1 hierarchy and of cgroup v2, from mountinfo's text. */
export function cgroupMounts(mountinfo: string): string[] {
  const found: string[] = [];
  for (const line of mountinfo.split('\n')) {
    // mountinfo(5): fields before " - " are ids, device, root, mount point; after it the file system type
    const [before = '', after = ''] = line.split(' - ');
    const type = after.split(' ')[0];
    const fields = before.split(' ');
    const [root, mountPoint] = [fields[3], fields[4]];
    if ((type === 'cgroup' || type === 'cgroup2') && root === '/' && mountPoint !== undefined)
      found.push(mountPoint);
  }
  return found;
}

/** The same for the running machine. */
export async function mountedControllers(): Promise<string[]> {
  return cgroupMounts(await readFile('/proc/self/mountinfo', 'utf8'));
}

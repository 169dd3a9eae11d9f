// What a kubelet changes on its host outside its own directories, kept from lasting: settings of the kernel, and the
// directories whose paths are written into it.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hierarchies } from '../harness/cgroup-parent.ts';

const settings = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
].map((name) => join('/proc/sys', name));

/** The returned function sets what was before. */
export function rememberKernelSettings(): () => void {
  const before = settings.map((file) => ({ file, text: readFileSync(file, 'utf8') }));
  return () => {
    for (const { file, text } of before) if (readFileSync(file, 'utf8') !== text) writeFileSync(file, text);
  };
}

/** Covers the directory with an empty one of this mount namespace; the returned function undoes it. */
export function coverDirectory(path: string): () => void {
  const made = existsSync(path) ? undefined : mkdirSync(path, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', path]);
  return () => {
    execFileSync('umount', ['-l', path]);
    if (made !== undefined) rmdirSync(path);
  };
}

/**
 * Takes the mounts of cgroups outside of /sys/fs/cgroup out of this mount namespace: a kubelet and runc count every
 * hierarchy that is mounted anywhere, and ask for their own cgroups in it.
 */
export function forgetOtherCgroups(): void {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const points = lines.filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(' ')[4] ?? '');
  for (const point of points) if (!point.startsWith('/sys/fs/cgroup')) execFileSync('umount', ['-l', point]);
}

/** Makes a cgroup in every hierarchy, with all processors and memory where such a choice must be made. */
export function makeCgroup(path: string): void {
  for (const hierarchy of hierarchies()) {
    const root = join('/sys/fs/cgroup', hierarchy);
    const directory = join(root, path);
    mkdirSync(directory, { recursive: true });
    if (hierarchy !== 'cpuset') continue;
    for (const file of ['cpuset.cpus', 'cpuset.mems'])
      writeFileSync(join(directory, file), readFileSync(join(root, file), 'utf8'));
  }
}

/** The node's, of a range for documentation. */
export const nodeAddress = '192.0.2.10';

/** An address and a default route that lead nowhere: a kubelet looks for those of its node. */
export function makeNodeAddress(): void {
  const ip = (...args: readonly string[]): unknown => execFileSync('ip', args);
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', 'node0', 'type', 'bridge');
  ip('address', 'add', `${nodeAddress}/24`, 'dev', 'node0');
  ip('link', 'set', 'node0', 'up');
  ip('route', 'add', 'default', 'dev', 'node0');
}

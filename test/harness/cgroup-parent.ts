// A cgroup of a test's own, on a machine with cgroup v1, v2 or both, as a pod's cgroup stands above its containers.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = '/sys/fs/cgroup';

/** Every controller is on cgroup v2. */
export const isUnified = existsSync(join(root, 'cgroup.controllers'));

/** The hierarchies of this machine, by the name of their directory; v2 alone has one without a name. */
export function hierarchies(): string[] {
  return isUnified ? [''] : readdirSync(root).filter((name) => existsSync(join(root, name, 'cgroup.procs')));
}

/** The directory of a cgroup in the hierarchy of a controller. */
export function cgroupDirectory(controller: string, path: string): string {
  return join(root, isUnified ? '' : controller, path);
}

/** Makes a cgroup with a memory limit for all that will be below it. */
export function makeMemoryParent(path: string, limitBytes: number): void {
  const directory = cgroupDirectory('memory', path);
  mkdirSync(directory, { recursive: true });
  if (isUnified) writeFileSync(join(root, 'cgroup.subtree_control'), '+memory +pids');
  writeFileSync(join(directory, isUnified ? 'memory.max' : 'memory.limit_in_bytes'), String(limitBytes));
  const swap = join(directory, 'memory.swap.max');
  if (existsSync(swap)) writeFileSync(swap, '0');
}

/** The pids in a cgroup itself; none when there is no such cgroup. */
export function processesIn(directory: string): number[] {
  const file = join(directory, 'cgroup.procs');
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number);
}

/** Removes a cgroup and those below it, which have no processes, in every hierarchy. */
export function removeCgroupTree(path: string): void {
  for (const hierarchy of hierarchies()) removeTree(join(root, hierarchy, path));
}

function removeTree(directory: string): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(join(directory, entry.name));
  rmdirSync(directory);
}

// A cgroup of a test's own, on a machine with cgroup v1, v2 or both, as a pod's cgroup stands above its containers.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { patienceMs } from './until.ts';

const root = '/sys/fs/cgroup';
const pause = new Int32Array(new SharedArrayBuffer(4));

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
  try {
    return readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV') return []; // ENODEV: it was deleted while it was read
    throw cause;
  }
}

/** Removes a cgroup and those below it in every hierarchy, as soon as the processes have left that were killed in them. */
export function removeCgroupTree(path: string): void {
  for (const hierarchy of hierarchies()) removeTree(join(root, hierarchy, path));
}

function removeTree(directory: string): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(join(directory, entry.name));
  removeWhenEmpty(directory);
}

function removeWhenEmpty(directory: string): void {
  for (const deadline = performance.now() + patienceMs; ; Atomics.wait(pause, 0, 0, 10)) {
    try {
      rmdirSync(directory);
      return;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EBUSY' || performance.now() > deadline) throw cause;
    }
  }
}

// /proc/PID/cgroup (cgroups(7)): in which cgroup of each hierarchy a process is.

import { readFile } from 'node:fs/promises';
import { errnoCode, isENOENT } from '../errors/errno.ts';

export interface ProcessCgroup {
  /** The controllers of a v1 hierarchy, or its name as `name=…`; empty for v2. */
  readonly controllers: readonly string[];
  readonly path: string;
}

/** The file's text; undefined when the process has ended, also while it was read. */
export async function readProcessCgroups(pid: number): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/cgroup`, 'utf8');
  } catch (cause) {
    if (isENOENT(cause) || errnoCode(cause) === 'ESRCH') return undefined;
    throw cause;
  }
}

/** A path may have colons. */
export function parseProcessCgroups(text: string): ProcessCgroup[] {
  return text.split('\n').flatMap((line) => {
    const [, names, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (names === undefined || path === undefined) return [];
    return [{ controllers: names === '' ? [] : names.split(','), path }];
  });
}

/**
 * Whether the cgroup is the container's, or below it. A path that lacks the id is that of a virtual machine for the whole pod, of
 * an init that was moved elsewhere, or of a pid that is another's by now: what is done there would be done to others. `..`
 * leads out of the daemon's cgroup namespace.
 */
export function isOfContainer({ path }: ProcessCgroup, containerId: string): boolean {
  return path.includes(containerId) && !path.split('/').includes('..');
}

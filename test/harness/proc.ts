// What /proc tells about the processes and mounts of a test's own directory.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface ProcessTrace {
  readonly pid: number;
  readonly command: string;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // the process has ended, or is a kernel thread
  }
}

function mountNamespace(pid: number | 'self'): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return '';
  }
}

export function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

export function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
}

/**
 * The line of a process's root file system. Only that tells where it lives: whoever has just made a mount namespace, as
 * each container's init once does, has a copy of all mounts of this machine.
 */
function rootMount(pid: number): string {
  const lines = read(`/proc/${pid}/mountinfo`).split('\n');
  return lines.find((line) => line.split(' ')[4] === '/') ?? '';
}

/**
 * The processes that were told a path below `root`, live on a root file system below it, or are in its cgroup: the
 * daemon, its monitors and what runs in the containers.
 */
export function processesOf(root: string, cgroupParent: string): ProcessTrace[] {
  const own = mountNamespace('self');
  const isInside = (pid: number): boolean => {
    const namespace = mountNamespace(pid);
    return namespace !== '' && namespace !== own && rootMount(pid).includes(root);
  };
  return processIds()
    .map((pid) => ({ pid, command: commandOf(pid) }))
    .filter(
      ({ pid, command }) =>
        command.includes(`${root}/`) ||
        read(`/proc/${pid}/cgroup`).includes(`:${cgroupParent}/`) ||
        isInside(pid),
    );
}

/** Sends SIGKILL; a process that has ended already is no error. */
export function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}

/** Mount points below `root`, in the order in which they were mounted. */
export function mountsBelow(root: string): string[] {
  return read('/proc/self/mountinfo')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.startsWith(`${root}/`));
}

/** The sum of figures of /proc/PID/smaps_rollup, such as `Pss`. Throws when the process has ended. */
export function memoryKiB(pid: number, figures: readonly string[]): number {
  const text = read(`/proc/${pid}/smaps_rollup`);
  return figures.reduce((sum, figure) => {
    const value = text.match(new RegExp(`^${figure}:\\s+(\\d+) kB`, 'm'))?.[1];
    if (value === undefined) throw new Error(`process ${pid} has no memory "${figure}": it has ended`);
    return sum + Number(value);
  }, 0);
}

/**
 * What a process has of memory for itself, in KiB: data, heap and stack. `Private_Dirty` also counts pages of the
 * program's file while they are not on a disk yet, on a tmpfs always; `Private_Clean` those that no other process has
 * mapped, and which ones have is a matter of what the kernel has reclaimed.
 */
export function ownKiB(pid: number): number {
  return memoryKiB(pid, ['Anonymous']);
}

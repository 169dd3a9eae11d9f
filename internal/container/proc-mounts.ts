// Volumes of a request over /proc. runc refuses most of them while it creates a container, crun takes them all.

import { statfs } from 'node:fs/promises';
import { posix } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import type { ContainerMount } from './container-config.ts';

/** In statfs(2). */
const procMagic = 0x9fa0;

/** Files of /proc that may be others than the kernel's, as lxcfs makes them: runc's list. */
const replaceable: ReadonlySet<string> = new Set([
  '/proc/cpuinfo',
  '/proc/diskstats',
  '/proc/loadavg',
  '/proc/meminfo',
  '/proc/net/dev',
  '/proc/slabinfo',
  '/proc/stat',
  '/proc/swaps',
  '/proc/sys/crypto/fips_enabled',
  '/proc/sys/kernel/ns_last_pid',
  '/proc/uptime',
]);

/**
 * Refuses with `invalid-argument`, whatever the runtime is, what runc does not mount: a container whose /proc is not the
 * kernel's escapes the labels and limits that are set by files there (CVE-2019-16884). A host's /proc may be mounted on /proc.
 */
export async function requireOwnProc(mounts: readonly ContainerMount[]): Promise<void> {
  for (const mount of mounts) {
    const path = posix.resolve('/', mount.containerPath);
    if (path === '/proc') await requireProcSource(mount);
    else if (path.startsWith('/proc/') && !replaceable.has(path)) throw refused(mount, belowProc);
  }
}

const belowProc = `it is below /proc, where only these can be mounted: ${[...replaceable].join(', ')}`;

async function requireProcSource(mount: ContainerMount): Promise<void> {
  if (mount.image === '' && (await isProc(mount.hostPath))) return;
  throw refused(mount, 'nothing but a file system of the type proc can be mounted there');
}

function isProc(path: string): Promise<boolean> {
  return statfs(path).then(
    ({ type }) => type === procMagic,
    () => false,
  );
}

function refused({ containerPath }: ContainerMount, why: string): DaemonError {
  return new DaemonError('invalid-argument', `mount at ${JSON.stringify(containerPath)} is refused: ${why}`);
}

import { posix } from 'node:path';
import { DaemonError } from '../../errors/daemon-error.ts';

/**
 * The cgroup of a container in the form that the runtimes take: a path (`PARENT/crio-ID`) with the cgroupfs driver,
 * `SLICE:crio:ID` with systemd. cAdvisor and the node's tools know containers by the prefix `crio`.
 */
export function cgroupsPath(driver: 'cgroupfs' | 'systemd', parent: string, containerId: string): string {
  if (!/^[A-Za-z0-9_./:@\\-]*$/.test(parent) || parent.split('/').includes('..')) {
    throw new DaemonError('invalid-argument', `cgroup parent ${JSON.stringify(parent)} is not valid`);
  }
  if (driver === 'cgroupfs') {
    if (parent.endsWith('.slice')) {
      throw new DaemonError(
        'invalid-argument',
        `cgroup parent "${parent}" is a systemd slice, the driver is cgroupfs`,
      );
    }
    return posix.join('/', parent === '' ? 'crio' : parent, `crio-${containerId}`);
  }
  // The kubelet sends the slice alone or with its parents; systemd derives them from the name.
  const slice = parent === '' ? 'system.slice' : posix.basename(parent);
  if (!slice.endsWith('.slice') || slice.includes(':')) {
    throw new DaemonError('invalid-argument', `cgroup parent "${parent}" is not a systemd slice`);
  }
  return `${slice}:crio:${containerId}`;
}

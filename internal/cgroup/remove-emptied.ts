// The end of a cgroup whose processes were killed, or hang up and leave.

import { rmdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';

const tries = 50;
const pauseMs = 20;

/** Removes a cgroup as soon as its last process is gone, which may take a moment. Absent is success. */
export async function removeEmptied(path: string): Promise<void> {
  for (let left = tries; ; left--) {
    try {
      await rmdir(path);
      return;
    } catch (cause) {
      const code = errnoCode(cause) ?? 'unknown';
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY' || left === 0)
        throw new DaemonError('internal', `cannot remove cgroup ${path} (${code})`, cause);
    }
    await delay(pauseMs);
  }
}

// The moment between the end of a container and that its monitor tells of it.

import { readFileSync } from 'node:fs';
import type { TestDaemon } from './daemon.ts';
import { until } from './until.ts';

/** Kills the container's init while its monitor is stopped, and runs `body` then; afterwards the monitor goes on. */
export async function whileEndIsUntold(
  { client }: TestDaemon,
  containerId: string,
  body: () => Promise<void>,
): Promise<void> {
  const { info } = await client.runtime('ContainerStatus', { containerId, verbose: true });
  const { pid, monitorPid } = JSON.parse(info['info'] ?? '') as { pid: number; monitorPid: number };
  process.kill(monitorPid, 'SIGSTOP');
  try {
    process.kill(pid, 'SIGKILL');
    const isZombie = () => /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')); // its parent is asleep
    await until('it has ended', isZombie);
    await body();
  } finally {
    process.kill(monitorPid, 'SIGCONT');
  }
}

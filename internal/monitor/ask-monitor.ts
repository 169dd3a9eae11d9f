// How a container is, by its monitor, if there is one.

import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode, isENOENT } from '../errors/errno.ts';
import { MonitorSilence } from './control-connection.ts';
import { parseExit } from './exit-record.ts';
import type { ExitRecord } from './monitor.ts';
import type { MonitoredContainer } from './monitored-container.ts';

/**
 * Connects the container to its monitor, and returns the exit when that says that the container has ended. Without a monitor
 * `container.hasMonitor` is false afterwards. Rejects with `MonitorSilence` when there is one that hangs.
 */
export async function askMonitor(
  container: MonitoredContainer,
  containerId: string,
): Promise<ExitRecord | undefined> {
  try {
    const connection = await container.connect();
    if (connection.hello.id !== containerId) {
      connection.close();
      await connection.closed;
      return undefined;
    }
    const state = await connection.request('state');
    return state['phase'] === 'exited' ? parseExit(state) : undefined;
  } catch (cause) {
    if (isNobodyThere(cause)) return undefined;
    throw cause;
  }
}

/** Whether an attempt to speak with a monitor says that there is none, or none that can be spoken with. */
export function isNobodyThere(cause: unknown): boolean {
  if (cause instanceof MonitorSilence) return false;
  if (cause instanceof DaemonError) return cause.kind === 'unavailable';
  return isENOENT(cause) || errnoCode(cause) === 'ECONNREFUSED' || errnoCode(cause) === 'ECONNRESET';
}

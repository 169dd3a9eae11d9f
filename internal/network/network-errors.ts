// What an operation on a pod's network says when it cannot begin.

import { DaemonError } from '../errors/daemon-error.ts';
import { isDiskFull } from '../errors/errno.ts';
import type { NetworkRequest } from './pod-network.ts';

export function refuseAborted(signal: AbortSignal, sandboxId: string): void {
  if (signal.aborted)
    throw new DaemonError(
      'cancelled',
      `network operation of sandbox "${sandboxId}" was cancelled`,
      signal.reason,
    );
}

export function namespaceGone({ netnsPath, sandboxId }: NetworkRequest): DaemonError {
  return new DaemonError(
    'failed-precondition',
    `network namespace ${netnsPath} of sandbox "${sandboxId}" is gone`,
  );
}

export function cannotRecord(act: 'read' | 'write', sandboxId: string, cause: unknown): DaemonError {
  const kind = isDiskFull(cause) ? 'resource-exhausted' : 'internal';
  return new DaemonError(kind, `cannot ${act} the network record of sandbox "${sandboxId}"`, cause);
}

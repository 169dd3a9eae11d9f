// A command whose spawner was killed: nobody collects its output or knows its deadline any more.

import { setTimeout as sleep } from 'node:timers/promises';
import { errnoCode } from '../errors/errno.ts';
import { ProcessHandle } from './kernel-exit.ts';

export interface StartedCommand {
  /** Also its process group. */
  readonly pid: number;
  readonly startTicks: string;
  /** By `performance.now()`; may be brought forward. */
  deadlineMs: number;
}

const lookMs = 20;

/**
 * Resolves when the command has ended, which its deadline enforces, or when `signal` gives it up. Until then nobody must
 * start its opposite: half a CNI `ADD` beside a `DEL` leaves what no second `DEL` finds.
 */
export async function waitForOrphan(command: StartedCommand, signal: AbortSignal): Promise<void> {
  const handle = await ProcessHandle.open(command.pid, command.startTicks);
  if (handle === undefined) return;
  try {
    while (!handle.hasEnded() && !signal.aborted) {
      if (performance.now() >= command.deadlineMs) killGroup(command.pid);
      await sleep(lookMs);
    }
  } finally {
    handle.close();
  }
}

/** The leader was alive just now, and its pid is not reused before its group is empty. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (cause) {
    if (errnoCode(cause) !== 'ESRCH') throw cause;
  }
}

// What the kernel itself knows of a container's init, for when its monitor is gone.

import { closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { errnoCode, isENOENT } from '../errors/errno.ts';
import { pidfdGetExit, pidfdOpen, pidfdSendSignal, pollPidfd } from '../sys/pidfd.ts';
import { monitorLostRecord } from './exit-record.ts';
import type { ExitRecord } from './monitor.ts';

/** Field 22 of /proc/PID/stat, or undefined when there is no such process. */
export async function readStartTicks(pid: number): Promise<string | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  } catch (cause) {
    if (isENOENT(cause) || errnoCode(cause) === 'ESRCH') return undefined;
    throw cause;
  }
}

const firstLookMs = 20;
const lastLookMs = 500;

/** A handle on one process that stays valid after its end. `close` it. */
export class ProcessHandle {
  readonly #pidfd: number;
  #open = true;

  private constructor(pidfd: number) {
    this.#pidfd = pidfd;
  }

  /** The process with this pid and start time; undefined when it is gone or the pid is somebody else's now. */
  static async open(pid: number, startTicks: string): Promise<ProcessHandle | undefined> {
    let pidfd: number;
    try {
      pidfd = pidfdOpen(pid);
    } catch (cause) {
      if (errnoCode(cause) === 'ESRCH') return undefined;
      throw cause;
    }
    const handle = new ProcessHandle(pidfd);
    // The pid was this one's while the descriptor was open, so the time is of the same process.
    if ((await readStartTicks(pid)) === startTicks) return handle;
    handle.close();
    return undefined;
  }

  /** False when it has ended. */
  signal(signalNumber: number): boolean {
    return this.#open && pidfdSendSignal(this.#pidfd, signalNumber);
  }

  hasEnded(): boolean {
    return !this.#open || pollPidfd(this.#pidfd);
  }

  /**
   * Resolves with the exit when the process has ended; from the kernel's memory of it, or as `MonitorLost` where the
   * kernel keeps none. Looks at intervals: it is only for the rare container without a monitor. Undefined when closed.
   */
  async waitForExit(): Promise<ExitRecord | undefined> {
    for (let pauseMs = firstLookMs; this.#open; pauseMs = Math.min(pauseMs * 2, lastLookMs)) {
      if (pollPidfd(this.#pidfd)) return this.#exit();
      await delay(pauseMs);
    }
    return undefined;
  }

  close(): void {
    if (this.#open) closeSync(this.#pidfd);
    this.#open = false;
  }

  async #exit(): Promise<ExitRecord> {
    const finishedAtNanos = BigInt(Date.now()) * 1_000_000n;
    // The kernel has the code only after the zombie was reaped, by pid 1 when the monitor is gone.
    for (let looks = 0; looks < 20 && this.#open; looks++) {
      const status = pidfdGetExit(this.#pidfd);
      if (status !== undefined) return fromWaitStatus(status, finishedAtNanos);
      await delay(10);
    }
    return monitorLostRecord(finishedAtNanos);
  }
}

/** The exit that a wait status stands for. */
export function fromWaitStatus(status: number, finishedAtNanos: bigint): ExitRecord {
  const number = status & 0x7f;
  const exit = { oom: false, finishedAtNanos, reason: 'exited' };
  if (number !== 0) return { code: 128 + number, signal: number, ...exit };
  return { code: (status >> 8) & 0xff, signal: undefined, ...exit };
}

// What the kernel itself knows of a container's init, for when its monitor is gone.

import { closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { errnoCode, isENOENT } from '../errors/errno.ts';
import { pidfdGetExit, pidfdOpen, pidfdSendSignal, pollPidfd } from '../sys/pidfd.ts';
import { monitorLostRecord } from './exit-record.ts';
import type { ExitRecord } from './monitor.ts';

interface ProcessStat {
  readonly isZombie: boolean;
  readonly startTicks: string;
  /** As waitpid would give it; only of a zombie. */
  readonly waitStatus: number;
}

/** Fields 3, 22 and 52 of /proc/PID/stat, or undefined when there is no such process. */
async function readStat(pid: number): Promise<ProcessStat | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in brackets, which may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { isZombie: fields[0] === 'Z', startTicks: fields[19] ?? '', waitStatus: Number(fields[49]) };
  } catch (cause) {
    if (isENOENT(cause) || errnoCode(cause) === 'ESRCH') return undefined;
    throw cause;
  }
}

const firstLookMs = 20;
const lastLookMs = 500;

/** A handle on one process that stays valid after its end. `close` it. */
export class ProcessHandle {
  readonly #pid: number;
  readonly #startTicks: string;
  readonly #pidfd: number;
  #open = true;

  private constructor(pid: number, startTicks: string, pidfd: number) {
    this.#pid = pid;
    this.#startTicks = startTicks;
    this.#pidfd = pidfd;
  }

  /** The process with this pid and start time; undefined when it is gone or the pid is somebody else's now. */
  static async open(pid: number, startTicks: string): Promise<ProcessHandle | undefined> {
    if (pid <= 0) return undefined; // the record of a container from before a reboot has none
    let pidfd: number;
    try {
      pidfd = pidfdOpen(pid);
    } catch (cause) {
      if (errnoCode(cause) === 'ESRCH') return undefined;
      throw cause;
    }
    const handle = new ProcessHandle(pid, startTicks, pidfd);
    try {
      // The pid was this one's while the descriptor was open, so the time is of the same process.
      if ((await readStat(pid))?.startTicks === startTicks) return handle;
    } catch (cause) {
      handle.close();
      throw cause;
    }
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
      await delay(pauseMs, undefined, { ref: false });
    }
    return undefined;
  }

  close(): void {
    if (this.#open) closeSync(this.#pidfd);
    this.#open = false;
  }

  /** A zombie shows its code in /proc; when it was reaped, by pid 1 after its monitor is gone, the pidfd has it. */
  async #exit(): Promise<ExitRecord> {
    const finishedAtNanos = BigInt(Date.now()) * 1_000_000n;
    for (let looks = 0; looks < 5 && this.#open; looks++) {
      const stat = await readStat(this.#pid);
      const isOurs = stat?.startTicks === this.#startTicks && stat.isZombie;
      const status = isOurs ? stat.waitStatus : this.#open ? pidfdGetExit(this.#pidfd) : undefined;
      if (status !== undefined) return fromWaitStatus(status, finishedAtNanos);
      await delay(firstLookMs); // it was being reaped just now
    }
    return monitorLostRecord(finishedAtNanos);
  }
}

/** The exit that a wait status stands for. */
export function fromWaitStatus(status: number, finishedAtNanos: bigint): ExitRecord {
  const number = status & 0x7f;
  const exit = { oom: false, finishedAtNanos, logDroppedBytes: 0, reason: 'exited' };
  if (number !== 0) return { code: 128 + number, signal: number, ...exit };
  return { code: (status >> 8) & 0xff, signal: undefined, ...exit };
}

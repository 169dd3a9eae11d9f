// A monitor died while its container lives, or has ended unseen: another one goes on with what the spawner has kept.

import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, hasKind } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import { askMonitor } from './ask-monitor.ts';
import { MonitorSilence } from './control-connection.ts';
import type { ExitRecord } from './monitor.ts';
import type { MonitoredContainer } from './monitored-container.ts';
import type { Spawner } from './spawner.ts';

export interface ReplaceParts {
  readonly spawner: Spawner;
  readonly logger: Logger;
  /** `monitorPid` is the new one's, undefined when there is none. */
  onLost(containerId: string, monitorPid: number | undefined): void;
}

/** A container whose monitors die faster than this has an output that kills them: it must wait, not the node. */
const delaysMs = [0, 20, 100, 500, 2000];
const soundAfterMs = 60_000;
const failuresMax = 3;
/** When a spawner died while it started one, that may live and not listen yet: so often it is looked for, some seconds. */
const absencesMax = 6;

/** Makes sure that one container has a monitor. */
export class MonitorReplacement {
  readonly #parts: ReplaceParts;
  readonly #containerId: string;
  #lastAtMs = Number.NEGATIVE_INFINITY;
  #failures = 0;

  constructor(parts: ReplaceParts, containerId: string) {
    this.#parts = parts;
    this.#containerId = containerId;
  }

  /**
   * Connects the container to its monitor again, to another one when that is dead. Returns the exit when the container has
   * ended; `container.hasMonitor` is false when it has to do without. A monitor that hangs, on a disk that does, is waited
   * for: two monitors would share one output.
   */
  async replace(container: MonitoredContainer): Promise<ExitRecord | undefined> {
    let monitorPid: number | undefined;
    let mayCome = false;
    for (let failures = 0, absences = 0; !container.isReleased; ) {
      try {
        // At first it is only the connection that is known to be lost.
        const exit = await askMonitor(container, this.#containerId);
        if (container.hasMonitor) {
          if (mayCome) monitorPid ??= container.hello?.pid;
          if (monitorPid !== undefined) this.#tell(monitorPid);
          return exit;
        }
        await this.#pause();
        monitorPid = await this.#parts.spawner.adopt(this.#containerId);
      } catch (cause) {
        if (cause instanceof MonitorSilence) {
          if (container.hasEnded) return undefined;
          continue;
        }
        if (hasKind(cause, 'not-found') && mayCome && ++absences < absencesMax) continue;
        mayCome ||= hasKind(cause, 'unavailable');
        failures += 1;
        if (!hasKind(cause, 'not-found') && failures < failuresMax) continue;
        this.#giveUp(cause);
        return undefined;
      }
    }
    return undefined;
  }

  /** The container has ended, or is removed. */
  forget(): void {
    this.#parts.spawner.forget(this.#containerId);
  }

  #tell(monitorPid: number): void {
    const { logger, onLost } = this.#parts;
    logger.warn(
      { containerId: this.#containerId, monitorPid },
      'the monitor of a container died; another one goes on',
    );
    onLost(this.#containerId, monitorPid);
  }

  #giveUp(cause: unknown): void {
    const { spawner, logger, onLost } = this.#parts;
    const fields = { containerId: this.#containerId, error: describeError(cause) };
    logger.error(fields, 'the monitor of a container died, and no other can go on: its output is lost');
    spawner.forget(this.#containerId); // a container that nobody reads should see that, and not hang
    onLost(this.#containerId, undefined);
  }

  async #pause(): Promise<void> {
    const now = performance.now();
    this.#failures = now - this.#lastAtMs < soundAfterMs ? this.#failures + 1 : 0;
    await sleep(delaysMs[Math.min(this.#failures, delaysMs.length - 1)], undefined, { ref: false });
    this.#lastAtMs = performance.now();
  }
}

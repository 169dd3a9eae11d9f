// After an upgrade: monitors of an older program become the one that is installed now, without their containers' noticing.

import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import type { MonitoredContainer } from './monitored-container.ts';
import type { Spawner } from './spawner.ts';

export interface RenewalParts {
  readonly monitorPath: string;
  readonly spawner: Spawner;
  readonly logger: Logger;
}

/** When one that could not be renewed now, because a client is attached to it, is asked again. */
const retryMs = 60_000;

/** Renews monitors one after the other, so that a program that is bad harms one, and a node does not stall. */
export class MonitorRenewal {
  readonly #parts: RenewalParts;
  readonly #closed = new AbortController();
  #last: Promise<void> = Promise.resolve();

  constructor(parts: RenewalParts) {
    this.#parts = parts;
  }

  /** Renews the container's monitor in its turn, if it is of another version than the installed one. */
  renew(containerId: string, container: MonitoredContainer): void {
    this.#last = this.#last.then(() => this.#try(containerId, container));
  }

  close(): void {
    this.#closed.abort();
  }

  async #try(containerId: string, container: MonitoredContainer): Promise<void> {
    const { monitorPath, spawner, logger } = this.#parts;
    try {
      const { version, states } = await spawner.hello();
      const { hello } = container;
      if (this.#closed.signal.aborted || container.isReleased || container.exit !== undefined) return;
      if (version === '' || hello?.version === version || !hello?.features.has('reexec')) return;
      await container.reexec(monitorPath, states);
      logger.info({ containerId, from: hello.version, to: version }, 'renewed the monitor of a container');
    } catch (cause) {
      if (this.#closed.signal.aborted || container.isReleased || container.exit !== undefined) return;
      const fields = { containerId, error: describeError(cause) };
      logger.warn(
        fields,
        'cannot renew the monitor of a container now; it goes on, and is asked again later',
      );
      void this.#tryLater(containerId, container);
    }
  }

  async #tryLater(containerId: string, container: MonitoredContainer): Promise<void> {
    await sleep(retryMs, undefined, { ref: false, signal: this.#closed.signal }).catch(() => {});
    this.renew(containerId, container);
  }
}

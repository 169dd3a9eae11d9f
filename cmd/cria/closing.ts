// The end of the daemon: of its parts, the newest first, in order and within a limit.

import { describeError } from '../../internal/errors/daemon-error.ts';
import type { Logger } from '../../internal/log/logger.ts';
import { exitAtOnce } from '../../internal/sys/exit-at-once.ts';

/** systemd kills 90 s after it has asked (TimeoutStopSec=), and then nothing says what the daemon was at. */
const stopLimitMs = 60_000;

/** Ends a part. `at` takes the name of what is waited for now, for the log. */
export type Close = (at: (work: string) => void) => Promise<void> | void;

export class Closing {
  readonly #logger: Logger;
  readonly #parts: { readonly name: string; readonly close: Close }[] = [];
  #work = 'the start';
  #timer: NodeJS.Timeout | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(name: string, close: Close): void {
    this.#parts.push({ name, close });
  }

  /** From now on the process has this time to end. */
  limit(limitMs = stopLimitMs): void {
    this.#timer = setTimeout(() => this.abandon(), limitMs).unref();
  }

  /** Ends all. One part that fails keeps no other from its end. False when any has failed. */
  async end(): Promise<boolean> {
    let isOrderly = true;
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      this.#work = part.name;
      try {
        await part.close((work) => {
          this.#work = work;
        });
      } catch (cause) {
        isOrderly = false;
        this.#logger.error({ error: describeError(cause) }, 'a part of the daemon did not end in order');
      }
    }
    clearTimeout(this.#timer);
    return isOrderly;
  }

  /** Ends the process as a kill does: a death finds nothing that the next start could not undo. */
  abandon(): void {
    const left = this.#parts.map(({ name }) => name).reverse();
    const what = 'ending in the middle of work that takes too long; the next start goes on with it';
    this.#logger.warn({ work: this.#work, left }, what);
    exitAtOnce(0);
  }
}

// A bound on how many pieces of work run at once.

import { waitFor } from './wait-for.ts';

/** The place that a piece of work holds. */
export interface Place {
  /** Lets others have the place until `waiting` settles, then waits for one again. */
  lend<T>(waiting: Promise<T>): Promise<T>;
}

/** At most `limit` bodies run at once; the others wait in order. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  /** Runs `body` when a place is free; a signal that aborts while waiting gives the place to the next. */
  async run<T>(body: (place: Place) => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#acquire(signal);
    let isHeld = true;
    const giveBack = (): void => {
      if (isHeld) this.#release();
      isHeld = false;
    };
    const place: Place = {
      lend: async (waiting) => {
        giveBack();
        try {
          return await waiting;
        } finally {
          await this.#acquire(signal);
          isHeld = true;
        }
      },
    };
    try {
      return await body(place);
    } finally {
      giveBack();
    }
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    let give = (): void => {};
    const turn = new Promise<void>((resolve) => {
      give = resolve;
    });
    this.#waiting.push(give);
    try {
      await waitFor(turn, signal);
    } catch (cause) {
      const at = this.#waiting.indexOf(give);
      if (at >= 0) this.#waiting.splice(at, 1);
      else this.#release(); // the place was handed over in the same turn
      throw cause;
    }
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}

// Work that is done again and again, never twice at once.

export class Periodic {
  readonly #work: () => Promise<void>;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void> | undefined;
  #extra: NodeJS.Timeout | undefined;

  /** `work` must not reject. The timers do not keep the process alive. */
  constructor(everyMs: number, work: () => Promise<void>) {
    this.#work = work;
    this.#timer = setInterval(() => void this.run(), everyMs).unref();
  }

  /** Does the work now, or joins what runs. */
  run(): Promise<void> {
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Does the work once more after `ms`. */
  soon(ms: number): void {
    clearTimeout(this.#extra);
    this.#extra = setTimeout(() => void this.run(), ms).unref();
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    clearTimeout(this.#extra);
    await this.#running;
    clearTimeout(this.#extra);
  }
}

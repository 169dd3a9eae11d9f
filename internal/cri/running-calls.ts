// The calls that are being answered, which a stop of the server waits for.

/** Counts calls; it neither limits nor ends them. */
export class RunningCalls {
  readonly #calls = new Set<Promise<unknown>>();

  /** Counts the call until it has ended, and returns it. */
  add<T>(call: Promise<T>): Promise<T> {
    this.#calls.add(call);
    const forget = (): void => void this.#calls.delete(call);
    call.then(forget, forget);
    return call;
  }

  /** Settles when all calls that run now have ended, however they ended. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#calls);
  }
}

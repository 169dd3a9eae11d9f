// One queue per key: the mutual exclusion of all changes of one container or one sandbox.

/** Runs functions one after the other per key; different keys do not wait for each other. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `body` when all earlier bodies of `key` have ended, however they ended. */
  async run<T>(key: string, body: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const running = before.then(body);
    const tail = running.then(
      () => {},
      () => {},
    );
    this.#tails.set(key, tail);
    try {
      return await running;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}

// Keeps attachments from beginning while garbage is collected: a plugin that is told all valid attachments would take
// one that begins meanwhile for garbage.

export class AttachGate {
  readonly #beginning = new Set<Promise<void>>();
  #closed: Promise<unknown> | undefined;

  /** Makes the record of an attachment, which counts from then on; waits while the gate is closed. */
  async begin(record: () => Promise<void>): Promise<void> {
    while (this.#closed !== undefined) await this.#closed;
    const recording = record();
    this.#beginning.add(recording);
    try {
      await recording;
    } finally {
      this.#beginning.delete(recording);
    }
  }

  /** Runs `body` while no attachment can begin, with the records of all that have begun complete. */
  async whileClosed<T>(body: () => Promise<T>): Promise<T> {
    while (this.#closed !== undefined) await this.#closed;
    const running = Promise.allSettled([...this.#beginning]).then(body);
    this.#closed = running.catch(() => {});
    try {
      return await running;
    } finally {
      this.#closed = undefined;
    }
  }
}

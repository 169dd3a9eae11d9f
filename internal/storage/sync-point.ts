// One syncfs for everybody who waits for one: layers that were staged before it began are covered by it.

import { syncFilesystem } from '../sys/sync-filesystem.ts';

export class SyncPoint {
  readonly #path: string;
  #clock = 0;
  #coveredUpTo = 0;
  #running: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Marks the present: what was written before now is durable once `reach` of this mark resolves. */
  mark(): number {
    this.#clock += 1;
    return this.#clock;
  }

  /** Resolves when a sync that began at or after `mark` has ended. */
  async reach(mark: number): Promise<void> {
    while (this.#coveredUpTo < mark) {
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined;
      });
      await this.#running;
    }
  }

  /** Resolves when no sync runs, whoever began it and however it ended. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running.catch(() => {});
  }

  async #run(): Promise<void> {
    const covers = this.#clock;
    await syncFilesystem(this.#path);
    this.#coveredUpTo = covers;
  }
}

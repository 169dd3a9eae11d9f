// One time of making the node what its containers ask for. What fails for one of them must not keep another from its start.

import { describeError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import type { TuningClaim } from './tuning.ts';
import type { TuningStore } from './tuning-state.ts';

export class TuningRound {
  readonly store: TuningStore;
  readonly claims: readonly TuningClaim[];
  /** The one of the claims whose container is being started: what it asks for and the node lacks is an error. */
  readonly fresh: TuningClaim | undefined;
  readonly #logger: Logger;

  constructor(store: TuningStore, fresh: TuningClaim | undefined, logger: Logger) {
    this.store = store;
    this.claims = Object.values(store.state.claims);
    this.fresh = fresh;
    this.#logger = logger;
  }

  /**
   * Runs a step. It rejects when the step fails that is `forFresh`; the failure of another one is in the log, and is tried again
   * in the next round. Whether the step is done.
   */
  async step(forFresh: boolean, run: () => Promise<void>): Promise<boolean> {
    try {
      await run();
      return true;
    } catch (cause) {
      if (forFresh) throw cause;
      const text = 'cannot give the node back, or keep it as containers want it; trying again later';
      this.#logger.error({ error: describeError(cause) }, text);
      return false;
    }
  }
}

// One kind of setting that follows the containers' claims.

import type { TuningClaim } from './tuning.ts';
import type { TuningStore } from './tuning-state.ts';

/** What is left to do when the setting is made, while others may change it again. Does not reject. */
export type Afterwards = () => Promise<void>;

export interface TunedSetting {
  /**
   * Makes the setting what `claims` ask for, from whatever state a dead daemon left; writes to `store` what must be undone before
   * it does it. Without a claim about it the setting is as the administrator has it. `fresh` is the one of the claims whose
   * container is being started: what it asks for and the node lacks is an error.
   */
  reach(
    store: TuningStore,
    claims: readonly TuningClaim[],
    fresh?: TuningClaim,
  ): Promise<Afterwards | undefined>;
}

// One kind of setting that follows the containers' claims.

import type { TuningClaim } from './tuning.ts';
import type { TuningRound } from './tuning-round.ts';

/** What is left to do when the setting is made, while others may change it again. Does not reject. */
export type Afterwards = () => Promise<void>;

export interface TunedSetting {
  /** Whether a claim asks for this one. */
  concerns(claim: TuningClaim): boolean;
  /**
   * Makes the setting what the round's claims ask for, from whatever state a dead daemon left; writes to its store what must be
   * undone before it does it. Without a claim about it the setting is as the administrator has it.
   */
  reach(round: TuningRound): Promise<Afterwards | undefined>;
}

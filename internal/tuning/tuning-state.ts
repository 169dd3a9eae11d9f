// What the daemon has changed on the node for containers, on disk before it is done: the next daemon undoes from it.

import { DaemonError, describeError } from '../errors/daemon-error.ts';
import { errnoCode, isDiskFull } from '../errors/errno.ts';
import { type StateFile, StateFileError, stateFile } from '../fs/state-file.ts';
import type { Logger } from '../log/logger.ts';
import type { TuningClaim } from './tuning.ts';

/** What was changed in irqbalance's file. It outlives a boot, as the file does. */
export interface ChangedIrqbalance {
  readonly file: string;
  /** The variable that bans CPUs. */
  readonly name: string;
  /** Its line as the administrator wrote it; undefined where there was none. */
  readonly line: string | undefined;
  /** Lines that daemons have written; another one is the administrator's. */
  readonly written: readonly string[];
}

export interface RaisedQuota {
  readonly original: number;
  /** Values that daemons have written; another one is the kubelet's. */
  readonly written: readonly number[];
}

export interface TuningState {
  /** Of the boot for which everything but `irqbalance` holds. */
  readonly bootId: string;
  /** By container, the oldest first. */
  readonly claims: Readonly<Record<string, TuningClaim>>;
  /** CPUs that were taken out of the mask of new interrupts, as a list. */
  readonly takenIrqCpus: string;
  /** CPUs that were handed down to partitions, as lists by the directories of their cgroups; what others handed down is not here. */
  readonly exclusive: Readonly<Record<string, string>>;
  /** The cgroups that were made partitions. */
  readonly partitions: readonly string[];
  /** What was in files that hold a container's value now, by path. */
  readonly originals: Readonly<Record<string, string>>;
  /** Quotas that were raised for shared CPUs, by path. */
  readonly quotas: Readonly<Record<string, RaisedQuota>>;
  readonly irqbalance?: ChangedIrqbalance | undefined;
}

const nothing = {
  claims: {},
  takenIrqCpus: '',
  exclusive: {},
  partitions: [],
  originals: {},
  quotas: {},
} satisfies Omit<TuningState, 'bootId'>;

const form: StateFile<TuningState> = stateFile({
  version: 1,
  durable: true,
  parse: (value) => {
    for (const field of ['bootId', 'takenIrqCpus'])
      if (typeof value[field] !== 'string') throw new Error(`${field} is missing`);
    if (typeof value['claims'] !== 'object' || value['claims'] === null)
      throw new Error('claims are missing');
    return { ...nothing, ...value } as unknown as TuningState;
  },
});

export class TuningStore {
  readonly #path: string;
  readonly #logger: Logger;
  #state: TuningState;

  private constructor(path: string, state: TuningState, logger: Logger) {
    this.#path = path;
    this.#state = state;
    this.#logger = logger;
  }

  /** Reads what earlier daemons left. A torn file counts as none, with an error in the log; one of another version is an error. */
  static async open(path: string, bootId: string, logger: Logger): Promise<TuningStore> {
    let found: TuningState | undefined;
    try {
      found = await form.read(path);
    } catch (cause) {
      if (!(cause instanceof StateFileError)) throw cause;
      logger.error({ path, error: cause.message }, 'what was changed for containers is not known any more');
    }
    const none = { ...nothing, bootId };
    // what the kernel holds is gone with the boot, and with it the containers
    const state = found?.bootId === bootId ? found : { ...none, irqbalance: found?.irqbalance };
    return new TuningStore(path, state, logger);
  }

  get state(): TuningState {
    return this.#state;
  }

  /** Takes in what is about to be done, disk first; on failure nothing is changed. */
  async save(change: Partial<TuningState>): Promise<void> {
    const next = { ...this.#state, ...change };
    if (JSON.stringify(next) === JSON.stringify(this.#state)) return;
    try {
      await form.write(this.#path, next);
    } catch (cause) {
      const kind = isDiskFull(cause) ? 'resource-exhausted' : 'failed-precondition';
      throw new DaemonError(kind, `${this.#path} cannot be written (${errnoCode(cause)})`, cause);
    }
    this.#state = next;
  }

  /** Takes in what need not be undone any more. A disk that is full does not keep it from counting: undoing it again is harmless. */
  async forget(change: Partial<TuningState>): Promise<void> {
    try {
      await this.save(change);
    } catch (cause) {
      this.#logger.error({ path: this.#path, error: describeError(cause) }, 'cannot write what is tuned');
      this.#state = { ...this.#state, ...change };
    }
  }
}

// Settings that the kernel has once for each CPU, or for some CPUs together, as a value in a file. The value of before is noted
// before the first change, and put back when no container has the CPU any more.

import { DaemonError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import { cpusIn, noCpus, parseCpuList } from './cpu-set.ts';
import { readValue, writeValue } from './node-files.ts';
import type { TunedSetting } from './tuned-setting.ts';
import type { TuningClaim } from './tuning.ts';
import type { TuningRound } from './tuning-round.ts';
import type { TuningStore } from './tuning-state.ts';

export interface CpuKnob {
  /** What a claim asks for; undefined for nothing. */
  wanted(claim: TuningClaim): string | undefined;
  /** The file for a CPU; undefined when the kernel has none. */
  file(cpu: number): Promise<string | undefined>;
  /** Why a kernel has no such file, as the end of a sentence about it. */
  readonly absence: string;
  /** Throws when the kernel does not know the value. */
  check(file: string, value: string): Promise<void>;
}

/** A value and where it goes. */
interface Place {
  readonly file: string;
  readonly value: string;
}

export class CpuValues implements TunedSetting {
  readonly #knobs: readonly CpuKnob[];
  readonly #logger: Logger;

  constructor(knobs: readonly CpuKnob[], logger: Logger) {
    this.#knobs = knobs;
    this.#logger = logger;
  }

  concerns(claim: TuningClaim): boolean {
    return this.#knobs.some((knob) => knob.wanted(claim) !== undefined);
  }

  async reach(round: TuningRound): Promise<undefined> {
    const { store, claims, fresh } = round;
    const places = new Map<string, Place & { readonly forFresh: boolean }>();
    for (const claim of claims) // of several claims about one file the latest counts
      for (const place of await this.#placesOf(claim, claim === fresh))
        places.set(place.file, { ...place, forFresh: claim === fresh });
    await noteOriginals(round, [...places.values()]);
    for (const { file, value, forFresh } of places.values())
      await round.step(forFresh, async () => {
        if (store.state.originals[file] === undefined) return; // it cannot be read now
        if ((await readValue(file)) !== value) await writeValue(file, value);
      });
    for (const [file, value] of Object.entries(store.state.originals))
      if (!places.has(file)) await round.step(false, () => this.#putBack(store, { file, value }));
  }

  async #placesOf(claim: TuningClaim, isFresh: boolean): Promise<Place[]> {
    const found: Place[] = [];
    for (const knob of this.#knobs) {
      const value = knob.wanted(claim);
      if (value === undefined) continue;
      for (const cpu of cpusIn(parseCpuList(claim.cpus) ?? noCpus)) {
        const file = await knob.file(cpu);
        if (file === undefined) {
          if (!isFresh) continue; // the CPU was taken offline under a running container
          throw new DaemonError('failed-precondition', `CPU ${cpu} has no ${knob.absence}`);
        }
        if (isFresh) await knob.check(file, value);
        found.push({ file, value });
      }
    }
    return found;
  }

  async #putBack(store: TuningStore, { file, value }: Place): Promise<void> {
    const current = await readValue(file);
    if (current === undefined)
      this.#logger.warn({ path: file, value }, 'cannot set a CPU back: it is offline, or its driver is gone');
    else if (current !== value) await writeValue(file, value);
    const others = Object.entries(store.state.originals).filter(([other]) => other !== file);
    await store.forget({ originals: Object.fromEntries(others) });
  }
}

/** The values of files that hold what an administrator wants, and not yet what a container does. */
async function noteOriginals(
  round: TuningRound,
  places: readonly { readonly file: string; readonly forFresh: boolean }[],
): Promise<void> {
  const { store } = round;
  const known = store.state.originals;
  const read: Record<string, string> = {};
  for (const { file, forFresh } of places.filter((place) => known[place.file] === undefined))
    await round.step(forFresh, async () => {
      const value = await readValue(file);
      if (value !== undefined) read[file] = value;
    });
  await store.save({ originals: { ...known, ...read } });
}

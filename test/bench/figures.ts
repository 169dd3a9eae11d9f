// Figures of several daemons, measured in turns so that what else happens on the machine falls on all of them alike.

import { setTimeout as sleep } from 'node:timers/promises';
import type { CpuCgroup } from './cpu-cgroup.ts';
import { median } from './measure.ts';

export interface Measured {
  readonly values: number[];
  /** Of each round; it says more than time on a machine that does other things too. */
  readonly cpuMs: number[];
}

export interface Target {
  readonly text: string;
  readonly isMet: boolean;
}

/** Whether the first peer meets the target beside the second, by their medians. */
export type TargetRule = (own: number, other: number) => Target;

export interface Figure<P> {
  readonly title: string;
  readonly unit: string;
  /** One round, which gives one value or many. */
  readonly of: (peer: P) => Promise<readonly number[]>;
  readonly target?: TargetRule;
}

interface Measurable {
  readonly name: string;
  readonly cgroup: CpuCgroup;
}

const roundLimitMs = 120_000;

export const atLeast =
  (share: number): TargetRule =>
  (own, other) => ({
    text: `at least ${share} x; it is ${(own / other).toFixed(2)}`,
    isMet: own >= share * other,
  });

export const atMost =
  (share: number): TargetRule =>
  (own, other) => ({
    text: `at most ${share} x; it is ${(own / other).toFixed(2)}`,
    isMet: own <= share * other,
  });

/** Prints a line for each figure, and one for its target. The first round, in which everything warms up, does not count. */
export async function compare<P extends Measurable>(
  figures: readonly Figure<P>[],
  peers: readonly P[],
  rounds: number,
): Promise<void> {
  for (const figure of figures) tell(figure, peers, await inTurns(figure, peers, rounds));
}

async function inTurns<P extends Measurable>(
  figure: Figure<P>,
  peers: readonly P[],
  rounds: number,
): Promise<Measured[]> {
  const all = peers.map((): Measured => ({ values: [], cpuMs: [] }));
  for (let round = -1; round < rounds; round++) {
    for (const [i, peer] of peers.entries()) {
      const before = peer.cgroup.cpuMs;
      const measured = await inTime(`${figure.title} of ${peer.name}`, figure.of(peer));
      if (round < 0) continue;
      all[i]?.values.push(...measured);
      all[i]?.cpuMs.push(peer.cgroup.cpuMs - before);
    }
  }
  return all;
}

/** What hangs is told, and cleared away. */
async function inTime<T>(what: string, work: Promise<T>): Promise<T> {
  const limit = new AbortController();
  const late = sleep(roundLimitMs, undefined, { signal: limit.signal }).then(() => {
    throw new Error(`${what} has not ended after ${roundLimitMs} ms`);
  });
  late.catch(() => {}); // it is aborted when the work was in time
  try {
    return await Promise.race([work, late]);
  } finally {
    limit.abort();
  }
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}

function tell<P extends Measurable>(
  { title, unit, target }: Figure<P>,
  peers: readonly P[],
  measured: readonly Measured[],
): void {
  const text = ({ values, cpuMs }: Measured): string => {
    const p99 = values.length >= 100 ? `, p99 ${quantile(values, 0.99).toFixed(2)}` : '';
    const spread = ` (${Math.min(...values).toFixed(2)}-${Math.max(...values).toFixed(2)})`;
    const cpu = `CPU ${median(cpuMs).toFixed(0)} ms`;
    return `${median(values).toFixed(2)} ${unit}${p99 === '' ? spread : p99}, ${cpu}`;
  };
  const parts = measured.map((one, i) => `${peers[i]?.name} ${text(one)}`);
  console.log(`${title}: ${parts.join('; ')}`);
  const [own, other] = measured;
  if (target === undefined || own === undefined || other === undefined) return;
  const verdict = target(median(own.values), median(other.values));
  console.log(`  target: ${verdict.text}: ${verdict.isMet ? 'ok' : 'MISSED'}`);
}

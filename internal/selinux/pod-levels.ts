// The levels of pods: two categories each, which no other pod of the node has, so that no pod may touch another's files.

import { randomInt } from 'node:crypto';
import { DaemonError } from '../errors/daemon-error.ts';

/** The policy's categories are c0 to c1023. */
const categories = 1024;

export class PodLevels {
  readonly #isTaken = new Map<string, string>();
  readonly #categories: number;

  constructor(count = categories) {
    this.#categories = count;
  }

  /** A level that is neither among `known` nor taken; the pod has it until `settle`, by which it is known or gone. */
  take(podId: string, known: readonly string[]): string {
    const used = new Set([...known, ...this.#isTaken.values()]);
    const count = this.#categories;
    const pairs = (count * (count - 1)) / 2;
    const start = randomInt(pairs);
    for (let step = 0; step < pairs; step += 1) {
      const level = pairLevel((start + step) % pairs);
      if (used.has(level)) continue;
      this.#isTaken.set(podId, level);
      return level;
    }
    throw new DaemonError('resource-exhausted', 'every SELinux level of this node is used by a pod');
  }

  settle(podId: string): void {
    this.#isTaken.delete(podId);
  }
}

/** The pairs in order: c0,c1; c0,c2; c1,c2; c0,c3; … The smaller category comes first, as the kernel writes it. */
function pairLevel(index: number): string {
  const higher = Math.floor((1 + Math.sqrt(1 + 8 * index)) / 2);
  return `s0:c${index - (higher * (higher - 1)) / 2},c${higher}`;
}

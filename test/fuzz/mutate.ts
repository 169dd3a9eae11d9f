// What goes wrong with frames on their way from a client that is broken or means no good.

import type { Random } from './random.ts';

type Mutation = (frame: Buffer, random: Random) => Buffer | readonly Buffer[];

/** Values at which lengths and ids break. */
const edges = [0, 1, 0x7f, 0x80, 0xff];

const mutations: readonly Mutation[] = [
  (frame, random) => {
    const at = random.below(frame.length);
    frame[at] = (frame[at] ?? 0) ^ (1 << random.below(8));
    return frame;
  },
  (frame, random) => {
    frame[random.below(Math.min(frame.length, 16))] = random.pick(edges);
    return frame;
  },
  (frame, random) => {
    frame.fill(random.pick(edges), 4, Math.min(8, frame.length));
    return frame;
  },
  (frame, random) => frame.subarray(0, random.below(frame.length)),
  (frame, random) => Buffer.concat([frame, random.bytes(random.below(40))]),
  (frame, random) => random.bytes(frame.length),
  (frame) => [frame, frame],
  () => [],
  (frame, random) => {
    const at = random.below(frame.length);
    return Buffer.concat([frame.subarray(0, at), random.bytes(1 + random.below(8)), frame.subarray(at)]);
  },
];

/** About one frame in `share` is changed, doubled, cut or lost; some two change places. */
export function mutate(frames: readonly Buffer[], random: Random, share: number): Buffer[] {
  const mutated = frames.flatMap((frame) => {
    if (frame.length === 0 || !random.oneIn(share)) return [frame];
    return random.pick(mutations)(Buffer.from(frame), random);
  });
  for (let i = 1; i < mutated.length; i++) {
    if (!random.oneIn(4 * share)) continue;
    const [first, second] = [mutated[i - 1], mutated[i]];
    if (first !== undefined && second !== undefined) mutated.splice(i - 1, 2, second, first);
  }
  return mutated;
}

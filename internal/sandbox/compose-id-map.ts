// A map of ids in which some stand for certain ids of the host, and all others for a range that is free.

import type { IdMap, IdPiece } from '../sys/id-maps.ts';

interface Gap {
  readonly inside: number;
  readonly length: number;
}

/** How many ids of the host are needed for those up to `size` that no fixed piece maps. */
export function countNeeded(size: number, fixed: readonly IdPiece[]): number {
  return gapsOf(size, inOrder(fixed)).reduce((sum, { length }) => sum + length, 0);
}

/** The ids from 0 to `size` and the fixed ones, all that are not fixed from `first` of the host on, in order. */
export function composeIdMap(size: number, fixed: readonly IdPiece[], first: number): IdMap {
  const ordered = inOrder(fixed);
  let outside = first;
  const free = gapsOf(size, ordered).map(({ inside, length }) => {
    const piece = { inside, outside, length };
    outside += length;
    return piece;
  });
  const [lowest, ...more] = inOrder([...free, ...ordered]);
  if (lowest === undefined) throw new RangeError('a map of no ids');
  return more.length === 0 ? lowest : { ...lowest, more };
}

function gapsOf(size: number, ordered: readonly IdPiece[]): Gap[] {
  const gaps: Gap[] = [];
  let inside = 0;
  for (const piece of [...ordered, { inside: size, length: 0 }]) {
    const end = Math.min(piece.inside, size);
    if (end > inside) gaps.push({ inside, length: end - inside });
    inside = Math.max(inside, piece.inside + piece.length);
  }
  return gaps;
}

function inOrder(pieces: readonly IdPiece[]): readonly IdPiece[] {
  return [...pieces].sort((a, b) => a.inside - b.inside);
}

// The ids of a user namespace.

/** `length` ids of the namespace, from `inside` on, are those of the host from `outside` on. */
export interface IdPiece {
  readonly inside: number;
  readonly outside: number;
  readonly length: number;
}

/** The lowest piece of a namespace's user ids or group ids. */
export interface IdMap extends IdPiece {
  /** Those after it, in order of `inside`, where there are several. */
  readonly more?: readonly IdPiece[];
}

export interface IdMaps {
  readonly uids: IdMap;
  readonly gids: IdMap;
}

/** `length` ids of the host, from `first` on. */
export interface IdRange {
  readonly first: number;
  readonly length: number;
}

/** User ids and group ids. */
export interface IdRanges {
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
}

export function piecesOf({ inside, outside, length, more = [] }: IdMap): readonly IdPiece[] {
  return [{ inside, outside, length }, ...more];
}

/** The ids of the host that the maps stand for. */
export function outsideRanges({ uids, gids }: IdMaps): IdRanges {
  const ranges = (map: IdMap): IdRange[] =>
    piecesOf(map).map(({ outside, length }) => ({ first: outside, length }));
  return { uids: ranges(uids), gids: ranges(gids) };
}

export function joinRanges(all: readonly IdRanges[]): IdRanges {
  return { uids: all.flatMap(({ uids }) => uids), gids: all.flatMap(({ gids }) => gids) };
}

/** The host's id for one of the namespace; undefined when it is not mapped. */
export function outsideId(map: IdMap, id: number): number | undefined {
  const piece = piecesOf(map).find(({ inside, length }) => id >= inside && id - inside < length);
  return piece === undefined ? undefined : id - piece.inside + piece.outside;
}

/** The namespace's id for one of the host; undefined when none stands for it. */
export function insideId(map: IdMap, id: number): number | undefined {
  const piece = piecesOf(map).find(({ outside, length }) => id >= outside && id - outside < length);
  return piece === undefined ? undefined : id - piece.outside + piece.inside;
}

/** The owner, outside, of what belongs to the namespace's root; the host's own root where root is not mapped. */
export function rootOf({ uids, gids }: IdMaps): { readonly uid: number; readonly gid: number } {
  return { uid: outsideId(uids, 0) ?? 0, gid: outsideId(gids, 0) ?? 0 };
}

export function equalIdMaps(a: IdMaps, b: IdMaps): boolean {
  return equalPieces(piecesOf(a.uids), piecesOf(b.uids)) && equalPieces(piecesOf(a.gids), piecesOf(b.gids));
}

function equalPieces(a: readonly IdPiece[], b: readonly IdPiece[]): boolean {
  const equal = (one: IdPiece, other: IdPiece | undefined): boolean =>
    one.inside === other?.inside && one.outside === other.outside && one.length === other.length;
  return a.length === b.length && a.every((piece, index) => equal(piece, b[index]));
}

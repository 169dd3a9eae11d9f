// The ids of a user namespace.

/** `length` ids of the namespace, from `inside` on, are those of the host from `outside` on. */
export interface IdMap {
  readonly inside: number;
  readonly outside: number;
  readonly length: number;
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

/** The ids of the host that the maps stand for. */
export function outsideRanges({ uids, gids }: IdMaps): IdRanges {
  const range = ({ outside, length }: IdMap): IdRange => ({ first: outside, length });
  return { uids: [range(uids)], gids: [range(gids)] };
}

export function joinRanges(all: readonly IdRanges[]): IdRanges {
  return { uids: all.flatMap(({ uids }) => uids), gids: all.flatMap(({ gids }) => gids) };
}

/** The host's id for one of the namespace; undefined when it is not mapped. */
export function outsideId({ inside, outside, length }: IdMap, id: number): number | undefined {
  return id >= inside && id - inside < length ? id - inside + outside : undefined;
}

/** The owner, outside, of what belongs to the namespace's root; the host's own root where root is not mapped. */
export function rootOf({ uids, gids }: IdMaps): { readonly uid: number; readonly gid: number } {
  return { uid: outsideId(uids, 0) ?? 0, gid: outsideId(gids, 0) ?? 0 };
}

export function equalIdMaps(a: IdMaps, b: IdMaps): boolean {
  const equal = (one: IdMap, other: IdMap): boolean =>
    one.inside === other.inside && one.outside === other.outside && one.length === other.length;
  return equal(a.uids, b.uids) && equal(a.gids, b.gids);
}

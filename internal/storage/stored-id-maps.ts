// The user namespace of a container as the store's lists have it. The files of such a container's own layer lie on the disk
// with the host's ids, and these fields tell every tool which ids of the container they are.

import { type IdMap, type IdMaps, outsideId, piecesOf, rootOf } from '../sys/id-maps.ts';

/** An element of `uidmap` and `gidmap`. */
export interface StoredIdMap {
  readonly container_id: number;
  readonly host_id: number;
  readonly size: number;
}

export interface StoredIdMaps {
  readonly uidmap?: StoredIdMap[];
  readonly gidmap?: StoredIdMap[];
}

/** Nothing for a container that has the host's ids. */
export function storedIdMaps(maps: IdMaps | undefined): StoredIdMaps {
  return maps === undefined ? {} : { uidmap: storedPieces(maps.uids), gidmap: storedPieces(maps.gids) };
}

/** Who owns a file of the container on the disk that its image gives to these ids; its root for those without a mapping. */
export function ownerOnDisk(
  {
    uidmap,
    gidmap,
  }: { readonly uidmap?: readonly unknown[] | null; readonly gidmap?: readonly unknown[] | null },
  owner: { readonly uid: number; readonly gid: number },
): { readonly uid: number; readonly gid: number } | undefined {
  const [uids, gids] = [loaded(uidmap), loaded(gidmap)];
  if (uids === undefined || gids === undefined) return undefined;
  const maps = { uids, gids };
  const root = rootOf(maps);
  return {
    uid: outsideId(maps.uids, owner.uid) ?? root.uid,
    gid: outsideId(maps.gids, owner.gid) ?? root.gid,
  };
}

function storedPieces(map: IdMap): StoredIdMap[] {
  return piecesOf(map).map(({ inside, outside, length }) => ({
    container_id: inside,
    host_id: outside,
    size: length,
  }));
}

function loaded(stored: readonly unknown[] | null | undefined): IdMap | undefined {
  const [first, ...more] = ((stored ?? []) as StoredIdMap[]).map(({ container_id, host_id, size }) => ({
    inside: container_id,
    outside: host_id,
    length: size,
  }));
  return first === undefined ? undefined : { ...first, more };
}

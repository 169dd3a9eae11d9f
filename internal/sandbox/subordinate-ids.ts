// subuid(5) and subgid(5): which ids of the host a user may give to user namespaces. Those for the namespaces that a node
// chooses by itself belong to a user who need not exist, for podman and CRI-O as well.

import { readFile } from 'node:fs/promises';
import { isENOENT } from '../errors/errno.ts';
import type { IdRange } from '../sys/id-maps.ts';

export interface SubordinateFiles {
  readonly uids: string;
  readonly gids: string;
}

/** The node's own. */
export const subordinateFiles: SubordinateFiles = { uids: '/etc/subuid', gids: '/etc/subgid' };

/** The ranges of a user, of all its lines; none without the file. */
export async function readSubordinateIds(path: string, user: string): Promise<readonly IdRange[]> {
  try {
    return parseSubordinateIds(await readFile(path, 'utf8'), user);
  } catch (cause) {
    if (isENOENT(cause)) return [];
    throw cause;
  }
}

/** Lines `USER:FIRST:COUNT`; what is of another form is nobody's. */
export function parseSubordinateIds(text: string, user: string): readonly IdRange[] {
  return text.split('\n').flatMap((line) => {
    const [, name, first, count] = /^([^:#]+):(\d+):(\d+)$/.exec(line.trim()) ?? [];
    return name === user ? [{ first: Number(first), length: Number(count) }] : [];
  });
}

import { readTextIfThere } from '../fs/read-text.ts';
import type { IdRange } from '../sys/id-maps.ts';

export interface SubordinateFiles {
  readonly uids: string;
  readonly gids: string;
}

/** The node's own. */
export const subordinateFiles: SubordinateFiles = { uids: '/etc/subuid', gids: '/etc/subgid' };

/** The ranges of a user, of all its lines; none without the file. */
export async function readSubordinateIds(path: string, user: string): Promise<readonly IdRange[]> {
  return parseSubordinateIds((await readTextIfThere(path)) ?? '', user);
}

/** Lines `USER:FIRST:COUNT`; what is of another form is nobody's. */
export function parseSubordinateIds(text: string, user: string): readonly IdRange[] {
  return text.split('\n').flatMap((line) => {
    const [, name, first, count] = /^([^:#]+):(\d+):(\d+)$/.exec(line.trim()) ?? [];
    return name === user ? [{ first: Number(first), length: Number(count) }] : [];
  });
}

// What stands at the path of a pinned namespace.

import { statfs } from 'node:fs/promises';
import { errnoCode } from '../errors/errno.ts';

/** In statfs(2). */
const nsfsMagic = 0x6e736673;

/**
 * False also for what a reboot leaves of a pin: a plain file where the namespace was mounted. True for a path that cannot be looked
 * at just now: nothing that runs must end for that.
 */
export async function isNamespace(path: string): Promise<boolean> {
  return statfs(path).then(
    ({ type }) => type === nsfsMagic,
    (cause: unknown) => !['ENOENT', 'ENOTDIR'].includes(errnoCode(cause) ?? ''),
  );
}

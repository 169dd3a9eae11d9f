// What stands at the path of a pinned network namespace.

import { statfs } from 'node:fs/promises';

const nsfsMagic = 0x6e736673;

/** False also for what a reboot leaves of a pin: a plain file where the namespace was mounted. */
export async function isNamespace(path: string): Promise<boolean> {
  try {
    return (await statfs(path)).type === nsfsMagic;
  } catch {
    return false;
  }
}

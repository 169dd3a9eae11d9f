// Which containers' layers are mounted now, by the kernel's list of mounts.

import { readFileSync } from 'node:fs';
import { isStoreId, type StorePaths } from '../store-paths.ts';

/** Ids of layers below this store that an overlay of this mount namespace writes to. */
export function mountedLayers({ overlay }: StorePaths): ReadonlySet<string> {
  const mounted = new Set<string>();
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const upper = /[ ,]upperdir=([^, ]+)/.exec(line)?.[1]?.replace(/\\([0-7]{3})/g, (_, octal: string) => {
      return String.fromCharCode(Number.parseInt(octal, 8));
    });
    if (upper === undefined || !upper.startsWith(`${overlay}/`)) continue;
    const [id = ''] = upper.slice(overlay.length + 1).split('/');
    if (isStoreId(id)) mounted.add(id);
  }
  return mounted;
}

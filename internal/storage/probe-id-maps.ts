// Whether the store's layers can be mounted for a user namespace: found out by doing it.

import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { detachMount } from '../fs/detach-mount.ts';
import { removeTree } from '../fs/directories.ts';
import { SystemCallError } from '../sys/libc.ts';
import { MS_NODEV, mount } from '../sys/mount.ts';
import { withMappedHomes } from './mapped-homes.ts';
import { cannotMapIds, escaped, joined } from './overlay-mount.ts';
import type { StoreState } from './store-state.ts';

/** Mounts an overlay on a directory of the store with mapped ids, and takes it away. Rejects when that is not possible. */
export async function probeIdMaps(store: StoreState, userNamespacePath: string): Promise<void> {
  const { paths } = store;
  const own = await mkdtemp(join(paths.runRoot, 'cria-probe-'));
  const target = join(own, 'merged');
  const [upper, work] = [join(own, 'upper'), join(own, 'work')];
  try {
    for (const directory of [target, upper, work]) await mkdir(directory);
    await withMappedHomes(store, [], userNamespacePath, async (homeOf) => {
      const data = joined([
        ['lowerdir', escaped(join(homeOf(paths), 'l'))],
        ['upperdir', escaped(upper)],
        ['workdir', escaped(work)],
      ]);
      await mount({ source: 'overlay', target, type: 'overlay', flags: MS_NODEV, data });
    });
  } catch (cause) {
    if (cause instanceof SystemCallError) throw cannotMapIds(paths, cause);
    throw cause;
  } finally {
    await detachMount(target);
    await removeTree(own);
  }
}

// Image layers as a user namespace sees them: the driver's home mounted once more, read-only, with mapped ids.

import { randomBytes } from 'node:crypto';
import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isENOENT } from '../errors/errno.ts';
import { detachMount } from '../fs/detach-mount.ts';
import { listDirectory } from '../fs/directories.ts';
import { cloneMount } from '../sys/clone-mount.ts';
import type { StorePaths } from './store-paths.ts';
import type { StoreState } from './store-state.ts';

/** Where a layer's directory is found, for a mount: `HOME/LAYER/diff`. */
export type OverlayHomeOf = (home: StorePaths) => string;

/** Homes as they are. */
export const plainHomes: OverlayHomeOf = (home) => home.overlay;

/**
 * Calls `use` while all homes of these layers are mounted with mapped ids. Overlay keeps clones of its own of what it is
 * made of, so they need not stay: afterwards nothing of them is left.
 */
export async function withMappedHomes<T>(
  store: StoreState,
  layerIds: readonly string[],
  userNamespacePath: string,
  use: (homeOf: OverlayHomeOf) => Promise<T>,
): Promise<T> {
  const directory = join(mappedRoot(store.paths), randomBytes(8).toString('hex'));
  const homes = [...new Set([store.paths, ...layerIds.map((layerId) => store.homeOf(layerId))])];
  const pointOf: OverlayHomeOf = (home) => join(directory, String(homes.indexOf(home)));
  try {
    for (const home of homes) {
      const target = pointOf(home);
      await mkdir(target, { recursive: true, mode: 0o700 });
      const source = home.overlay;
      await cloneMount({ source, target, userNamespacePath, readOnly: 'top', recursive: false });
    }
    return await use(pointOf);
  } finally {
    await removeMappedHomes(directory);
  }
}

/** Takes away what a daemon left that died in the middle. */
export async function removeLostMappedHomes(paths: StorePaths): Promise<void> {
  const root = mappedRoot(paths);
  for (const name of await listDirectory(root)) await removeMappedHomes(join(root, name));
}

/** Never into a directory: a mount that stays would be the store itself. */
async function removeMappedHomes(directory: string): Promise<void> {
  for (const name of await listDirectory(directory)) {
    await detachMount(join(directory, name));
    await rmdir(join(directory, name));
  }
  await rmdir(directory).catch((cause: unknown) => {
    if (!isENOENT(cause)) throw cause; // it could not be made
  });
}

function mappedRoot(paths: StorePaths): string {
  return join(paths.runRoot, 'cria-mapped');
}

// The directory of one layer in the driver's home: diff, link, lower, work, merged.

import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readFile, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { isEEXIST, isENOENT } from '../errors/errno.ts';
import type { LayerRecord } from './layer-records.ts';
import type { StorePaths } from './store-paths.ts';
import type { StoreState } from './store-state.ts';
import { ownerOnDisk } from './stored-id-maps.ts';

const linkAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const linkLength = 26;
/** Root of a base layer whose tar does not say a mode. */
const baseRootMode = 0o555;

/** The short name that `l/` has for a layer: 26 random base-32 characters, so that many fit into one mount option. */
export function newLinkName(): string {
  return [...randomBytes(linkLength)].map((byte) => linkAlphabet[byte % 32]).join('');
}

/** The layer's short name; undefined when the file is missing or torn, as a power loss leaves it. */
export async function readLinkName(paths: StorePaths, layerId: string): Promise<string | undefined> {
  try {
    const text = (await readFile(join(paths.layer(layerId), 'link'), 'utf8')).trim();
    return /^[A-Z2-7]{26}$/.test(text) ? text : undefined;
  } catch (cause) {
    if (isENOENT(cause)) return undefined;
    throw cause;
  }
}

/** Puts the `l/` link of a layer; one that is there already is kept. */
export async function putLink(paths: StorePaths, layerId: string, linkName: string): Promise<void> {
  try {
    await symlink(`../${layerId}/diff`, join(paths.links, linkName));
  } catch (cause) {
    if (!isEEXIST(cause)) throw cause;
  }
}

/** Deletes the `l/` link of a layer, before its directory goes. */
export async function dropLink(paths: StorePaths, layerId: string): Promise<void> {
  const linkName = await readLinkName(paths, layerId);
  if (linkName === undefined) return;
  await unlink(join(paths.links, linkName)).catch((cause: unknown) => {
    if (!isENOENT(cause)) throw cause;
  });
}

/** Where layers are. */
export type Homes = Pick<StoreState, 'homeOf' | 'additional'>;

/**
 * The short links of layers below another. One whose own link was lost gets a new one: without it no tool can mount what
 * stands on it. A read-only store has to have its links. Layers that are not in place yet have the names that are `planned`.
 */
export async function linkNamesOf(
  homes: Homes,
  layerIds: readonly string[],
  planned: ReadonlyMap<string, string> = new Map(),
): Promise<string[]> {
  return Promise.all(
    layerIds.map(async (layerId) => {
      const name = planned.get(layerId);
      if (name !== undefined) return name;
      const paths = homes.homeOf(layerId);
      const known = await readLinkName(paths, layerId);
      if (homes.additional.some((store) => store.paths === paths)) {
        if (known !== undefined) return known;
        const what = `layer "${layerId}" of the read-only store "${paths.graphRoot}" has no link name`;
        throw new DaemonError('failed-precondition', `${what}; repair that store`);
      }
      const linkName = known ?? newLinkName();
      if (known === undefined) await writeFile(join(paths.layer(layerId), 'link'), linkName, { mode: 0o644 });
      await putLink(paths, layerId, linkName);
      return linkName;
    }),
  );
}

/** The content of `lower`: the links of all layers below, nearest first. */
async function lowerOf(homes: Homes, { ancestorIds, plannedNames }: LayerDirPlan): Promise<string> {
  return (await linkNamesOf(homes, ancestorIds, plannedNames)).map((name) => `l/${name}`).join(':');
}

export interface LayerDirPlan {
  /** The directory that holds, or will hold, `diff`. */
  readonly directory: string;
  readonly linkName: string;
  /** All layers below, nearest first; empty for a base layer. */
  readonly ancestorIds: readonly string[];
  /** Link names of those layers below that are not in place yet. */
  readonly plannedNames?: ReadonlyMap<string, string>;
}

/** Writes everything of a layer's directory but the content of `diff`; it is not synced. */
export async function furnishLayerDir(homes: Homes, plan: LayerDirPlan): Promise<void> {
  const { directory, linkName, ancestorIds } = plan;
  const lower = await lowerOf(homes, plan);
  await Promise.all([
    mkdir(join(directory, 'work'), { mode: 0o700 }),
    mkdir(join(directory, 'merged'), { mode: 0o700 }),
    writeFile(join(directory, 'link'), linkName, { flag: 'wx', mode: 0o644 }),
    ancestorIds.length === 0
      ? mkdir(join(directory, 'empty'), { mode: 0o700 })
      : writeFile(join(directory, 'lower'), lower, { flag: 'wx', mode: 0o644 }),
  ]);
}

/** Takes back what `furnishLayerDir` wrote, if it did. */
export async function unfurnishLayerDir(directory: string): Promise<void> {
  for (const name of ['work', 'merged', 'empty', 'link', 'lower'])
    await rm(join(directory, name), { recursive: true, force: true });
}

/** Gives the root of a container's layer mode and owner, which is shifted where the container has other ids. */
export async function inheritRoot(homes: Homes, diff: string, layer: LayerRecord): Promise<void> {
  const { parent } = layer;
  const parentDiff = parent === undefined ? undefined : homes.homeOf(parent).diff(parent);
  const below = parentDiff === undefined ? noOwner : await stat(parentDiff);
  const owner = ownerOnDisk(layer, below);
  if (owner !== undefined) await chown(diff, owner.uid, owner.gid);
  await inheritRootMode(diff, parentDiff);
}

const noOwner = { uid: 0, gid: 0 };

/** Gives a layer's root the mode of the one below, as every tool does when the layer itself does not say. */
export async function inheritRootMode(diff: string, parentDiff: string | undefined): Promise<void> {
  const mode = parentDiff === undefined ? baseRootMode : (await stat(parentDiff)).mode & 0o7777;
  await chmod(diff, mode);
}

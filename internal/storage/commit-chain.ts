// Staged layers become layers of the store, a whole chain at once: one sync and two writes of the list, however many
// there are. By the crash rule of containers/storage: recorded as incomplete, moved into place, recorded as complete.

import { existsSync } from 'node:fs';
import { copyFile, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';
import { removeTree } from '../fs/directories.ts';
import {
  furnishLayerDir,
  inheritRootMode,
  newLinkName,
  putLink,
  readLinkName,
  unfurnishLayerDir,
} from './layer-dir.ts';
import { isIncomplete, type LayerRecord, layerIdOf, ownFlag, toStoredLayer } from './layer-records.ts';
import type { OpenRecords } from './record-file.ts';
import { type Grave, retireLayers, retireOrphans } from './retire-layers.ts';
import type { StagedLayer, StoredLayer } from './store.ts';
import type { StoreState } from './store-state.ts';
import type { TempDir } from './temp-dir.ts';
import type { UnpackedLayer } from './unpack/unpack-protocol.ts';
import { usableLayer } from './usable-layer.ts';

const compressionNumbers = { none: 0, gzip: 2, zstd: 4 } as const;

/** A layer of more owners does not list them: the list is a hint, and is written again with every change of the store. */
const maxListedOwners = 4096;

/** How often the chain is prepared again when another process has stored some of its layers meanwhile. */
const maxVainRounds = 5;

/** A staged layer and its files. */
export interface Staging {
  readonly layer: StagedLayer;
  readonly directory: TempDir;
  readonly unpacked: UnpackedLayer;
}

/** One layer of the chain on its way into the store. */
interface Step {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly staging: Staging;
  /** The record of the layer that the store has already. */
  readonly existing: LayerRecord | undefined;
  readonly linkName: string;
}

/**
 * Commits the layers, each on top of the one before; of those that the store has already, the store's are taken. When it
 * fails, none of them stays. The staged files are used up in any case.
 */
export async function commitChain(
  store: StoreState,
  chain: readonly Staging[],
  parentId: string | undefined,
): Promise<StoredLayer[]> {
  const graves: Grave[] = [];
  try {
    for (let round = 0; round < maxVainRounds; round += 1) {
      const steps = await plan(store, chain, parentId);
      await furnish(store, steps, parentId);
      await store.sync.reach(store.sync.mark());
      const stored = await store.layers.locked('write', (layers) => enter(store, layers, steps, graves));
      if (stored !== undefined) return stored;
    }
    throw new DaemonError('unavailable', 'other processes keep changing the layers of this image; try again');
  } finally {
    for (const { directory } of chain) await directory.remove();
    for (const grave of graves) await grave.remove();
  }
}

/** A layer that replaces a broken one keeps its link name: what stands on it has the name in its `lower`. */
async function plan(
  store: StoreState,
  chain: readonly Staging[],
  parentId: string | undefined,
): Promise<Step[]> {
  const steps: Step[] = [];
  for (const staging of chain) {
    const below = steps.length === 0 ? parentId : steps.at(-1)?.id;
    const existing = usableLayer(store, below, staging.layer.diffId);
    const id = existing?.id ?? layerIdOf(below, staging.layer.diffId);
    const linkName = (await readLinkName(store.imagePaths, id)) ?? newLinkName();
    steps.push({ id, parentId: below, staging, existing, linkName });
  }
  return steps;
}

/** Completes the layers' directories in staging. */
async function furnish(
  store: StoreState,
  steps: readonly Step[],
  parentId: string | undefined,
): Promise<void> {
  const below = parentId === undefined ? [] : store.forest.chain(parentId);
  if (below === undefined) throw missingParent(parentId ?? '');
  const diffs = new Map<string | undefined, string>();
  const plannedNames = new Map<string, string>();
  let ancestorIds = below.map(({ id }) => id);
  for (const step of steps) {
    const { id, linkName, staging, existing } = step;
    if (existing === undefined) {
      const directory = join(staging.directory.path, 'layer');
      const diff = join(directory, 'diff');
      const parentDiff =
        step.parentId && (diffs.get(step.parentId) ?? store.homeOf(step.parentId).diff(step.parentId));
      if (!staging.unpacked.hasRoot) await inheritRootMode(diff, parentDiff);
      await unfurnishLayerDir(directory);
      await furnishLayerDir(store, { directory, linkName, ancestorIds, plannedNames });
      diffs.set(id, diff);
      plannedNames.set(id, linkName);
    }
    ancestorIds = [id, ...ancestorIds];
  }
}

/** With the lock held. Undefined when the store is not as the steps have it. */
async function enter(
  store: StoreState,
  layers: OpenRecords<LayerRecord>,
  steps: readonly Step[],
  graves: Grave[],
): Promise<StoredLayer[] | undefined> {
  const [first] = steps;
  if (first?.parentId !== undefined) requireLayer(store, first.parentId);
  for (const { parentId, staging, existing } of steps) {
    if (usableLayer(store, parentId, staging.layer.diffId)?.id !== existing?.id) return undefined;
  }
  const fresh = steps.filter(({ existing }) => existing === undefined);
  await makeRoom(store, layers, fresh.map(({ id }) => id).reverse(), graves);
  const records = fresh.map(newRecord);
  if (fresh.length > 0) await moveIn(store, layers, fresh, records);
  return steps.map(({ id, existing }) =>
    toStoredLayer(existing ?? (records.find((record) => record.id === id) as LayerRecord)),
  );
}

/** Broken layers of these ids go, and then what a crash left of them without a record. */
async function makeRoom(
  store: StoreState,
  layers: OpenRecords<LayerRecord>,
  layerIds: readonly string[],
  graves: Grave[],
): Promise<void> {
  const { paths, imagePaths } = store;
  const broken = layerIds.filter((id) => layers.get(id) !== undefined);
  if (broken.length > 0) graves.push(await retireLayers(store, layers, broken));
  const leftOver = layerIds.filter((id) => existsSync(imagePaths.layer(id)));
  if (leftOver.length > 0) graves.push(await retireOrphans(imagePaths, paths, leftOver));
}

/** Steps 1, 2 and 4 of the crash rule; step 3, the sync of the contents, came before. */
async function moveIn(
  store: StoreState,
  layers: OpenRecords<LayerRecord>,
  steps: readonly Step[],
  records: readonly LayerRecord[],
): Promise<void> {
  const { paths, imagePaths, imageLayerPlace: place } = store;
  for (const record of records)
    layers.put(place, { ...record, flags: { ...record.flags, incomplete: true } });
  await layers.save();
  try {
    for (const { id, linkName, staging } of steps) {
      // Never EXDEV: both are in the driver's home, and what was made just now has no lower layer and no other project quota.
      await rename(join(staging.directory.path, 'layer'), imagePaths.layer(id));
      await putLink(imagePaths, id, linkName);
      await moveFile(join(staging.directory.path, 'tar-split.gz'), paths.tarSplit(id));
    }
    for (const record of records) layers.put(place, record);
    await layers.save();
  } catch (cause) {
    await takeBack(store, layers, steps);
    throw cause;
  }
  for (const { id } of records) store.broken.mendedLayer(id);
}

/** On a full disk nothing can be recorded before there is room; the flag that the records have makes their files nobody's. */
async function takeBack(
  store: StoreState,
  layers: OpenRecords<LayerRecord>,
  steps: readonly Step[],
): Promise<void> {
  const layerIds = steps.map(({ id }) => id).reverse();
  for (const { staging } of steps) await staging.directory.remove();
  for (const id of layerIds) await removeTree(store.imagePaths.layer(id));
  try {
    await (await retireLayers(store, layers, layerIds)).remove();
  } catch (cause) {
    store.logger.warn({ layerIds, err: cause }, 'half-made layers are left for the next clean-up');
  }
}

function newRecord({ id, parentId, staging: { layer, unpacked } }: Step): LayerRecord {
  return {
    id,
    ...(parentId === undefined ? {} : { parent: parentId }),
    created: new Date().toISOString(),
    'compressed-diff-digest': layer.blobDigest,
    'compressed-size': layer.blobSizeBytes,
    'diff-digest': layer.diffId,
    'diff-size': layer.diffSizeBytes,
    compression: compressionNumbers[unpacked.compression],
    ...(unpacked.uids.length > maxListedOwners ? {} : { uidset: [...unpacked.uids] }),
    ...(unpacked.gids.length > maxListedOwners ? {} : { gidset: [...unpacked.gids] }),
    flags: { [ownFlag]: true },
  };
}

function requireLayer(store: StoreState, layerId: string): void {
  const record = store.forest.get(layerId);
  if (record === undefined || isIncomplete(record)) throw missingParent(layerId);
}

function missingParent(layerId: string): DaemonError {
  return new DaemonError(
    'failed-precondition',
    `parent layer "${layerId}" is not in the store; another tool removed it, pull the image again`,
  );
}

/** Renames, or copies where another tool has bind-mounted the driver's home on itself, as containers/storage does. */
async function moveFile(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (cause) {
    if (errnoCode(cause) !== 'EXDEV') throw cause;
    await copyFile(from, to);
    const file = await open(to, 'r+');
    try {
      await file.datasync();
    } finally {
      await file.close();
    }
    await unlink(from);
  }
}

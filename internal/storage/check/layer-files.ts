// A layer's record against what is on disk: quick, because no file's content is read.

import { lstatSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isIncomplete, type LayerRecord, ownFlag, parentOf } from '../layer-records.ts';
import type { StorePaths } from '../store-paths.ts';
import type { StoreState } from '../store-state.ts';
import { tarSplitPaths } from '../tar-split.ts';
import type { Cure } from './finding.ts';

export interface Fault {
  readonly reason: string;
  readonly cure: Cure;
}

/** What is wrong with one layer by itself; nothing of what it stands on, but that it is there. */
export function layerFaults(store: StoreState, record: LayerRecord): Fault[] {
  if (isIncomplete(record)) return [{ reason: 'is half made or half deleted', cure: 'remove' }];
  const parent = parentOf(record);
  if (parent !== undefined && store.forest.get(parent) === undefined)
    return [{ reason: `stands on layer "${parent}", which is gone`, cure: 'remove' }];
  const home = store.homeOf(record.id);
  const diff = statSync(home.diff(record.id), { throwIfNoEntry: false });
  if (diff === undefined || !diff.isDirectory()) return [{ reason: 'has lost its files', cure: 'remove' }];
  return [...linkFaults(home, record.id), ...lowerFaults(store, record), ...tarSplitFaults(store, record)];
}

function linkFaults(home: StorePaths, layerId: string): Fault[] {
  const name = textOf(join(home.layer(layerId), 'link'))?.trim();
  if (name === undefined || !/^[A-Z2-7]{26}$/.test(name))
    return [{ reason: 'has no valid link name', cure: 'mend' }];
  if (targetOf(join(home.links, name)) === `../${layerId}/diff`) return [];
  return [{ reason: `is not where its link "${name}" leads`, cure: 'mend' }];
}

/** Other tools mount a layer by this list; it follows from the parents. */
function lowerFaults({ forest, homeOf }: StoreState, record: LayerRecord): Fault[] {
  const parent = parentOf(record);
  const chain = parent === undefined ? [] : forest.chain(parent);
  if (chain === undefined || chain.length === 0) return []; // told of the layer that is at fault
  const links = chain.map(({ id }) => textOf(join(homeOf(id).layer(id), 'link'))?.trim());
  const expected = links.map((name) => `l/${name}`).join(':');
  const found = textOf(join(homeOf(record.id).layer(record.id), 'lower'))?.trim();
  return found === expected ? [] : [{ reason: 'has a wrong list of lower layers', cure: 'mend' }];
}

/** Containers' layers have none. Some tools leave it out; of ours it is whole or the layer is not. */
function tarSplitFaults(store: StoreState, record: LayerRecord): Fault[] {
  if (record['diff-digest'] === undefined || record['toc-digest'] !== undefined) return [];
  const sizes = tarSplitPaths(store, record.id).map(
    (path) => lstatSync(path, { throwIfNoEntry: false })?.size,
  );
  if (sizes.some((size) => size !== undefined && size > 0)) return [];
  const isOwn = record.flags?.[ownFlag] === true;
  if (sizes.every((size) => size === undefined))
    return [{ reason: 'has lost its tar-split', cure: isOwn ? 'remove' : 'none' }];
  return [{ reason: 'has an empty tar-split', cure: 'remove' }];
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

// Looks at everything in the store. Nothing is changed and no lock is held.

import { guardedBy } from '../container-record.ts';
import type { LayerRecord } from '../layer-records.ts';
import type { StoreState } from '../store-state.ts';
import { layerContents } from './contents.ts';
import type { Finding, Inspection } from './finding.ts';
import { imageFaults } from './image-files.ts';
import { layerFaults } from './layer-files.ts';
import { unreferencedLayers } from './unreferenced.ts';

export interface InspectOptions {
  /** Also reads every file of every layer, and proves that each layer still is what its diffID says. */
  readonly contents: boolean;
  /** Layers that nothing uses are told when they are older. */
  readonly unreferencedAgeMs: number;
  readonly signal: AbortSignal;
}

export async function inspect(store: StoreState, options: InspectOptions): Promise<Inspection> {
  const layers = allLayers(store);
  const findings: Finding[] = [];
  const contents = options.contents ? await layerContents(store, layers, options.signal) : new Map();
  for (const record of layers) {
    const faults = [...layerFaults(store, record), ...(contents.get(record.id) ?? [])];
    const readOnly = store.layers.get(record.id) === undefined;
    for (const fault of faults) findings.push({ object: 'layer', id: record.id, readOnly, ...fault });
  }
  findings.push(...unreferencedLayers(store, options.unreferencedAgeMs));
  const images = await imageFindings(store);
  findings.push(...images.findings, ...containerFindings(store));
  return {
    findings,
    layers: layers.length,
    images: images.count,
    containers: store.containers.all().filter((record) => guardedBy(record) === undefined).length,
  };
}

function allLayers({ layers, additional, forest }: StoreState): LayerRecord[] {
  const lists = [layers, ...additional.map((store) => store.layers)];
  return lists.flatMap((list) => list.all()).filter((record) => forest.get(record.id) === record);
}

async function imageFindings(store: StoreState): Promise<{ findings: Finding[]; count: number }> {
  const places = [
    { list: store.images, paths: store.imagePaths, readOnly: false },
    ...store.additional.map(({ images, paths }) => ({ list: images, paths, readOnly: true })),
  ];
  const findings: Finding[] = [];
  let count = 0;
  for (const { list, paths, readOnly } of places) {
    for (const record of list.all()) {
      count += 1;
      for (const fault of await imageFaults(store, paths, record))
        findings.push({ object: 'image', id: record.id, readOnly, ...fault });
    }
  }
  return { findings, count };
}

function containerFindings({ containers, images, additional, forest }: StoreState): Finding[] {
  return containers.all().flatMap((record): Finding[] => {
    const about = { object: 'container', id: record.id, readOnly: false } as const;
    if (record.layer && forest.chain(record.layer) === undefined)
      return [{ ...about, reason: `has lost its layer "${record.layer}" or one below it`, cure: 'remove' }];
    const lists = [images, ...additional.map((store) => store.images)];
    const isKnown = !record.image || lists.some((list) => list.get(record.image ?? '') !== undefined);
    return isKnown
      ? []
      : [{ ...about, reason: `is of image "${record.image}", which is gone`, cure: 'none' }];
  });
}

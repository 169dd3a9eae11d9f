// Takes away what a check found to be useless, and nothing else.

import { join } from 'node:path';
import { removeTree } from '../../fs/directories.ts';
import { type ContainerRecord, guardedBy, imageOf } from '../container-record.ts';
import type { ImageRecord } from '../image-record.ts';
import { type LayerRecord, parentOf } from '../layer-records.ts';
import type { OpenRecords } from '../record-file.ts';
import { type Grave, retireLayers } from '../retire-layers.ts';
import type { StoreState } from '../store-state.ts';
import type { Finding } from './finding.ts';
import { mendLayers } from './mend.ts';
import { mountedLayers } from './mounted-layers.ts';

export interface RepairResult {
  readonly removed: readonly Pick<Finding, 'object' | 'id'>[];
  readonly mended: readonly string[];
  /** What stays damaged because something uses it, in words. */
  readonly kept: readonly string[];
}

interface Open {
  readonly layers: OpenRecords<LayerRecord>;
  readonly images: OpenRecords<ImageRecord>;
  readonly containers: OpenRecords<ContainerRecord>;
}

/**
 * Mends layers, and removes broken ones, all layers on them, and the images and containers of those. What a container
 * uses stays, unless `force`: then stopped containers go too, and running ones lose their files.
 */
export async function repair(
  store: StoreState,
  findings: readonly Finding[],
  force: boolean,
): Promise<RepairResult> {
  const ours = findings.filter((finding) => !finding.readOnly);
  const mendable = idsOf(ours, 'layer', 'mend');
  let grave: Grave | undefined;
  try {
    return await store.layers.locked('write', async (layers) => {
      await mendLayers(store, layers, [...mendable]);
      return store.images.locked('write', (images) =>
        store.containers.locked('write', async (containers) => {
          const plan = planRepair(store, ours, force, { layers, images, containers });
          grave = await carryOut(store, plan, { layers, images, containers });
          return { ...told(plan), mended: [...mendable] };
        }),
      );
    });
  } finally {
    await grave?.remove();
  }
}

interface Plan {
  readonly layerIds: readonly string[];
  readonly imageIds: readonly string[];
  readonly containerIds: readonly string[];
  readonly kept: readonly string[];
}

function planRepair(store: StoreState, findings: readonly Finding[], force: boolean, open: Open): Plan {
  const all = open.layers.all();
  const doomed = withDescendants(idsOf(findings, 'layer', 'remove'), all);
  const damaged = idsOf(findings, 'container', 'remove');
  const kept: string[] = [];
  const containerIds: string[] = [];
  const mounted = mountedLayers(store.paths);
  for (const { id, layer = '' } of open.containers.all()) {
    if (!damaged.has(id) && !doomed.has(layer)) continue;
    if (force) {
      containerIds.push(id);
      if (open.layers.get(layer) !== undefined) doomed.add(layer);
      continue;
    }
    const state = mounted.has(layer) ? 'runs' : 'is there';
    kept.push(`container "${id}" ${state} and is damaged: stop and remove it, or repair with --force`);
    for (const used of chainOf(layer, open.layers)) doomed.delete(used);
  }
  for (const { id, owner } of open.containers
    .all()
    .map((record) => ({ id: record.id, owner: guardedBy(record) })))
    if (owner !== undefined && containerIds.includes(owner)) containerIds.push(id);
  const isOn = (image: ImageRecord): boolean =>
    [image.layer, ...(image['mapped-layers'] ?? [])].some((id) => id !== undefined && doomed.has(id));
  const broken = idsOf(findings, 'image', 'remove');
  const imageIds = open.images.all().flatMap((image) => {
    if (!broken.has(image.id) && !isOn(image)) return [];
    const user = open.containers
      .all()
      .find((container) => imageOf(container) === image.id && !containerIds.includes(container.id));
    if (user === undefined) return [image.id];
    kept.push(`image "${image.id}" is damaged and in use by container "${guardedBy(user) ?? user.id}"`);
    return [];
  });
  // An image that stays keeps its layers, whatever state they are in.
  for (const image of open.images.all().filter(({ id }) => !imageIds.includes(id)))
    for (const used of chainOf(image.layer ?? '', open.layers)) doomed.delete(used);
  return { layerIds: topFirst(doomed, all), imageIds, containerIds, kept };
}

async function carryOut(store: StoreState, plan: Plan, open: Open): Promise<Grave | undefined> {
  for (const id of plan.containerIds) open.containers.delete(id);
  await open.containers.save();
  for (const id of plan.imageIds) open.images.delete(id);
  await open.images.save();
  for (const id of plan.imageIds) await removeTree(join(store.imagePaths.images, id));
  for (const id of plan.containerIds) await removeTree(join(store.paths.containers, id));
  return plan.layerIds.length === 0 ? undefined : retireLayers(store, open.layers, plan.layerIds);
}

function told({ layerIds, imageIds, containerIds, kept }: Plan): Omit<RepairResult, 'mended'> {
  const removed = [
    ...containerIds.map((id) => ({ object: 'container', id }) as const),
    ...imageIds.map((id) => ({ object: 'image', id }) as const),
    ...layerIds.map((id) => ({ object: 'layer', id }) as const),
  ];
  return { removed, kept };
}

function idsOf(findings: readonly Finding[], object: Finding['object'], cure: Finding['cure']): Set<string> {
  return new Set(
    findings.filter((found) => found.object === object && found.cure === cure).map(({ id }) => id),
  );
}

function withDescendants(roots: ReadonlySet<string>, layers: readonly LayerRecord[]): Set<string> {
  const doomed = new Set(layers.filter(({ id }) => roots.has(id)).map(({ id }) => id));
  for (let size = -1; size !== doomed.size; ) {
    size = doomed.size;
    for (const layer of layers) if (doomed.has(parentOf(layer) ?? '')) doomed.add(layer.id);
  }
  return doomed;
}

/** The layer and what it stands on, as far as there are records. */
function chainOf(layerId: string, layers: OpenRecords<LayerRecord>): string[] {
  const chain: string[] = [];
  for (
    let at = layers.get(layerId);
    at !== undefined && !chain.includes(at.id);
    at = layers.get(parentOf(at) ?? '')
  )
    chain.push(at.id);
  return chain;
}

function topFirst(doomed: ReadonlySet<string>, layers: readonly LayerRecord[]): string[] {
  const depth = new Map<string, number>();
  const parents = new Map(layers.map((layer) => [layer.id, parentOf(layer)]));
  for (const id of doomed) {
    let steps = 0;
    for (let at = parents.get(id); at !== undefined && steps < layers.length; at = parents.get(at))
      steps += 1;
    depth.set(id, steps);
  }
  return [...doomed].sort((a, b) => (depth.get(b) ?? 0) - (depth.get(a) ?? 0));
}

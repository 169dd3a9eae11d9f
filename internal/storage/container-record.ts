// One element of containers.json, and the layer that a container of ours has.

import type { StoreRecord } from './json-list.ts';
import { type LayerRecord, ownFlag } from './layer-records.ts';
import type { NewContainerLayer } from './store.ts';

/** Fields that are not here are kept as they are. */
export interface ContainerRecord extends StoreRecord {
  image?: string;
  layer?: string;
  metadata?: string;
  created?: string;
  flags?: Record<string, unknown> | null;
}

export function isOwn(record: ContainerRecord): boolean {
  return record.flags?.[ownFlag] === true;
}

/** Where the layer's parent is remembered, for a layer that is entered in layers.json later. */
const parentFlag = 'cria-layer-parent';

export function newContainerRecord(
  container: NewContainerLayer,
  layerId: string,
  parentId: string | undefined,
): ContainerRecord {
  return {
    id: container.containerId,
    names: [...container.names],
    image: container.imageId,
    layer: layerId,
    metadata: JSON.stringify(container.metadata),
    created: new Date().toISOString(),
    // Volatile, as CRI-O's: a node's reboot ends every container, so none of its files is worth a sync.
    flags: {
      MountLabel: '',
      ProcessLabel: '',
      Volatile: true,
      [ownFlag]: true,
      [parentFlag]: parentId ?? '',
    },
  };
}

/** The record of a container's own layer, as it has to be in layers.json. */
export function layerRecordOf(container: ContainerRecord): LayerRecord | undefined {
  if (container.layer === undefined || !isOwn(container)) return undefined;
  const parent = container.flags?.[parentFlag];
  return {
    id: container.layer,
    names: (container.names ?? []).map((name) => `${name}-layer`),
    ...(typeof parent === 'string' && parent !== '' ? { parent } : {}),
    created: container.created ?? new Date().toISOString(),
    flags: { [ownFlag]: true },
  };
}

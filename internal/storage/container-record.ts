// The elements of containers.json that a container of ours has, and its layer's record.
//
// There are two. The container's own has its layer, which keeps all layers below it, and names no image; its guard names
// the image, which keeps the image, and has no layer. With both in one, as other tools have it, `podman rmi --force` would
// delete the files of a running container: it removes the containers that name the image, and their layers.

import { createHash } from 'node:crypto';
import type { StoreRecord } from './json-list.ts';
import { type LayerRecord, ownFlag } from './layer-records.ts';
import type { NewContainerLayer } from './store.ts';
import { type StoredIdMap, storedIdMaps } from './stored-id-maps.ts';

/** Fields that are not here are kept as they are. */
export interface ContainerRecord extends StoreRecord {
  image?: string;
  layer?: string;
  metadata?: string;
  created?: string;
  uidmap?: StoredIdMap[] | null;
  gidmap?: StoredIdMap[] | null;
  flags?: Record<string, unknown> | null;
}

const guardFlag = 'cria-guard-of';

/** The id of the container whose guard the record is. */
export function guardedBy(record: ContainerRecord): string | undefined {
  const owner = record.flags?.[guardFlag];
  return typeof owner === 'string' ? owner : undefined;
}

export function guardIdOf(containerId: string): string {
  return createHash('sha256').update(`image of ${containerId}`).digest('hex');
}

/** The guard of a container's image. */
export function guardOf(container: ContainerRecord): ContainerRecord {
  const image = container.flags?.[imageFlag];
  return {
    id: guardIdOf(container.id),
    names: (container.names ?? []).map((name) => `${name}-image`),
    image: typeof image === 'string' ? image : '',
    layer: '',
    metadata: container.metadata ?? '{}',
    created: container.created ?? new Date().toISOString(),
    flags: { Volatile: true, [guardFlag]: container.id },
  };
}

/** The image that a container of any tool uses. */
export function imageOf(record: ContainerRecord): string | undefined {
  const image = record.flags?.[imageFlag];
  return typeof image === 'string' ? image : record.image || undefined;
}

export function isOwn(record: ContainerRecord): boolean {
  return record.flags?.[ownFlag] === true;
}

const imageFlag = 'cria-image';
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
    image: '',
    layer: layerId,
    metadata: JSON.stringify(container.metadata),
    created: new Date().toISOString(),
    ...storedIdMaps(container.idMaps),
    // Volatile, as CRI-O's: a node's reboot ends every container, so none of its files is worth a sync.
    flags: {
      MountLabel: '',
      ProcessLabel: '',
      Volatile: true,
      [ownFlag]: true,
      [imageFlag]: container.imageId,
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
    ...(container.uidmap && { uidmap: container.uidmap }),
    ...(container.gidmap && { gidmap: container.gidmap }),
    flags: { [ownFlag]: true },
  };
}

// What the parts of one open store share: its places, its lists, and the rules about them that more than one part
// needs. Lock order, everywhere: layers, then images, then containers.

import { join } from 'node:path';
import type { Logger } from '../log/logger.ts';
import { BrokenObjects } from './broken-objects.ts';
import type { ContainerRecord } from './container-record.ts';
import type { ImageRecord } from './image-record.ts';
import { LayerForest, type LayerRecord } from './layer-records.ts';
import { type MountOptions, noMountOptions } from './mount-options.ts';
import { openReadOnlyStore, type ReadOnlyStore } from './read-only-store.ts';
import { RecordFile, type RecordPlace } from './record-file.ts';
import { SpaceReserve } from './space-reserve.ts';
import { StoreLock } from './store-lock.ts';
import { type StorePaths, storePaths } from './store-paths.ts';
import { SyncPoint } from './sync-point.ts';

/** Where a store is and what it is like. */
export interface StoreLayout {
  /** `/var/lib/containers/storage`; made if missing. */
  readonly graphRoot: string;
  /** `/run/containers/storage`; made if missing. */
  readonly runRoot: string;
  /** Where images and their layers are, if not in `graphRoot`; made if missing. */
  readonly imageStore?: string | undefined;
  /** Roots of stores that are only read: their images are listed, and their layers stood on. */
  readonly additionalStores?: readonly string[];
  /** Containers' records in the run directory, gone with a reboot. */
  readonly transient?: boolean;
  readonly mountOptions?: MountOptions;
}

export interface StoreState {
  /** Of the containers and their layers; of everything, unless images are elsewhere. */
  readonly paths: StorePaths;
  /** Of images and the layers that are to be made for them. */
  readonly imagePaths: StorePaths;
  readonly logger: Logger;
  readonly layers: RecordFile<LayerRecord>;
  readonly images: RecordFile<ImageRecord>;
  readonly containers: RecordFile<ContainerRecord>;
  /** Held by whoever chooses ids for a user namespace, until the container that has them is in the list. */
  readonly userNamespaces: StoreLock;
  readonly additional: readonly ReadOnlyStore[];
  readonly forest: LayerForest;
  readonly broken: BrokenObjects;
  readonly sync: SyncPoint;
  readonly reserves: readonly SpaceReserve[];
  readonly mountOptions: MountOptions;
  /** In which lists what is new is entered. */
  readonly imageLayerPlace: RecordPlace;
  readonly containerPlace: RecordPlace;
  /** The store that has the files of a layer; of one without a record, that of the containers. */
  homeOf(layerId: string): StorePaths;
}

/** What the parts of a store share; nothing is read or made yet. */
export function storeState(layout: StoreLayout, logger: Logger, closing: AbortSignal): StoreState {
  const { graphRoot, runRoot, imageStore, transient = false } = layout;
  const paths = storePaths(graphRoot, runRoot);
  const imagePaths = imageStore === undefined ? paths : storePaths(imageStore, runRoot);
  const reserves = [...new Set([graphRoot, imagePaths.graphRoot])].map((root) => new SpaceReserve(root));
  const lists = openLists(layout, { paths, imagePaths }, { logger, closing, reserves });
  const { layers } = lists;
  const broken = new BrokenObjects();
  const additional = (layout.additionalStores ?? []).map((root) => openReadOnlyStore(root, logger));
  return {
    paths,
    imagePaths,
    logger,
    ...lists,
    userNamespaces: new StoreLock(join(graphRoot, 'userns.lock'), logger, closing),
    additional,
    forest: new LayerForest([layers, ...additional.map((store) => store.layers)], broken),
    broken,
    sync: new SyncPoint(imagePaths.overlay),
    reserves,
    mountOptions: layout.mountOptions ?? noMountOptions,
    imageLayerPlace: imageStore === undefined ? 'stable' : 'image',
    containerPlace: transient ? 'volatile' : 'stable',
    homeOf(layerId) {
      if (layers.get(layerId) !== undefined) return layers.placeOf(layerId) === 'image' ? imagePaths : paths;
      return additional.find((store) => store.layers.get(layerId) !== undefined)?.paths ?? paths;
    },
  };
}

type Lists = Pick<StoreState, 'layers' | 'images' | 'containers'>;

/** The three lists, with the files in which a layout has parts of them. */
function openLists(
  { runRoot, imageStore, transient = false }: StoreLayout,
  { paths, imagePaths }: Pick<StoreState, 'paths' | 'imagePaths'>,
  shared: {
    readonly logger: Logger;
    readonly closing: AbortSignal;
    readonly reserves: readonly SpaceReserve[];
  },
): Lists {
  const volatileIn = (folder: string): string | undefined => (transient ? join(runRoot, folder) : undefined);
  return {
    layers: new RecordFile<LayerRecord>({
      ...shared,
      directory: paths.layers,
      noun: 'layers',
      volatileDirectory: volatileIn('overlay-layers'),
      imageDirectory: imageStore === undefined ? undefined : imagePaths.layers,
    }),
    images: new RecordFile<ImageRecord>({ ...shared, directory: imagePaths.images, noun: 'images' }),
    containers: new RecordFile<ContainerRecord>({
      ...shared,
      directory: paths.containers,
      noun: 'containers',
      volatileDirectory: volatileIn('overlay-containers'),
    }),
  };
}

/** Takes in what other tools changed in any of the lists. Waits for no lock. */
export async function refreshLists({ layers, images, containers, additional }: StoreState): Promise<void> {
  for (const store of additional) await store.refresh();
  await layers.refresh();
  await images.refresh();
  await containers.refresh();
}

// What the parts of one open store share: its places, its three lists, and the rules about them that more than one
// part needs. Lock order, everywhere: layers, then images, then containers.

import type { Logger } from '../log/logger.ts';
import type { ContainerRecord } from './container-layers.ts';
import type { ImageRecord } from './image-record.ts';
import { LayerForest, type LayerRecord } from './layer-records.ts';
import { RecordFile } from './record-file.ts';
import type { StorePaths } from './store-paths.ts';
import { SyncPoint } from './sync-point.ts';

export interface StoreState {
  readonly paths: StorePaths;
  readonly logger: Logger;
  readonly layers: RecordFile<LayerRecord>;
  readonly images: RecordFile<ImageRecord>;
  readonly containers: RecordFile<ContainerRecord>;
  readonly forest: LayerForest;
  readonly sync: SyncPoint;
}

export function storeState(paths: StorePaths, logger: Logger, closing: AbortSignal): StoreState {
  const list = { watchTimes: false, logger, closing };
  const layers = new RecordFile<LayerRecord>({
    ...list,
    directory: paths.layers,
    noun: 'layers',
    watchTimes: true,
  });
  return {
    paths,
    logger,
    layers,
    images: new RecordFile<ImageRecord>({ ...list, directory: paths.images, noun: 'images' }),
    containers: new RecordFile<ContainerRecord>({ ...list, directory: paths.containers, noun: 'containers' }),
    forest: new LayerForest(layers),
    sync: new SyncPoint(paths.overlay),
  };
}

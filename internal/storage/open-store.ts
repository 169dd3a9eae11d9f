// Opens the layered store: the one place that knows how its parts are put together.

import { mkdir } from 'node:fs/promises';
import type { Logger } from '../log/logger.ts';
import { OverlayContainerLayers } from './container-layers.ts';
import { collectGarbage } from './garbage-collect.ts';
import { OverlayImageRecords } from './image-records.ts';
import { OverlayLayerStore } from './layer-store.ts';
import type { ContainerLayers, ImageRecords, LayerStore } from './store.ts';
import { storePaths } from './store-paths.ts';
import { storeState } from './store-state.ts';

const refreshEveryMs = 1000;
/** Other tools crash too, and leave directories that nobody else deletes. */
const collectEveryMs = 60 * 60_000;

export interface StoreOptions {
  /** `/var/lib/containers/storage`; made if missing. */
  readonly graphRoot: string;
  /** `/run/containers/storage`; made if missing. */
  readonly runRoot: string;
  readonly logger: Logger;
}

export interface Store {
  readonly layers: LayerStore;
  readonly images: ImageRecords;
  readonly containers: ContainerLayers;
  /** Ends the watching and deletes what was staged and not committed. Mounts stay. Idempotent. */
  close(): Promise<void>;
}

/** Opens the store, deletes what a crash left in it, and keeps its lists fresh. Other tools may use it meanwhile. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const closing = new AbortController();
  const paths = storePaths(options.graphRoot, options.runRoot);
  const store = storeState(paths, options.logger, closing.signal);
  const warnOf =
    (what: string) =>
    (cause: unknown): void => {
      if (!closing.signal.aborted) options.logger.warn({ err: cause }, what);
    };
  await mkdir(paths.runRoot, { recursive: true, mode: 0o700 });
  for (const path of [paths.links, paths.tempDirs, paths.layers, paths.images, paths.containers]) {
    await mkdir(path, { recursive: true, mode: path === paths.links ? 0o755 : 0o700 });
  }
  const layers = new OverlayLayerStore(store);
  const images = new OverlayImageRecords(store);
  await images.refresh();
  // What cannot be deleted (a mount, an immutable file) must not keep the daemon from starting.
  const collect = (): Promise<void> => collectGarbage(store).catch(warnOf('could not clean the image store'));
  await collect();
  let refreshing: Promise<void> | undefined;
  const timer = setInterval(() => {
    refreshing ??= images
      .refresh()
      .catch(warnOf('could not refresh the image store'))
      .finally(() => {
        refreshing = undefined;
      });
  }, refreshEveryMs);
  timer.unref();
  let collecting: Promise<void> | undefined;
  const collector = setInterval(() => {
    collecting ??= collect().finally(() => {
      collecting = undefined;
    });
  }, collectEveryMs);
  collector.unref();
  return {
    layers,
    images,
    containers: new OverlayContainerLayers(store),
    async close() {
      clearInterval(timer);
      clearInterval(collector);
      closing.abort(); // another tool may hold a lock for minutes
      await refreshing;
      await collecting;
      await layers.close();
    },
  };
}

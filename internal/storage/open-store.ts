// Opens the layered store: the one place that knows how its parts are put together.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../log/logger.ts';
import { inspectAtStart } from './check/inspect-at-start.ts';
import { SuspectLayers } from './check/suspect-layers.ts';
import { verifySuspects } from './check/verify-suspects.ts';
import { OverlayContainerLayers } from './container-layers.ts';
import { collectGarbage } from './garbage-collect.ts';
import { OverlayImageRecords } from './image-records.ts';
import { OverlayLayerStore } from './layer-store.ts';
import { removeLostMappedHomes } from './mapped-homes.ts';
import { Periodic } from './periodic.ts';
import type { ContainerLayers, ImageRecords, LayerStore } from './store.ts';
import { refreshLists, type StoreLayout, type StoreState, storeState } from './store-state.ts';
import { UnlistedContainers } from './unlisted-containers.ts';

const refreshEveryMs = 1000;
/** Other tools crash too, and leave directories that nobody else deletes. */
const collectEveryMs = 60 * 60_000;
/** When another tool has the lock: an old one unpacks under it. */
const collectAgainMs = 60_000;
const startPatienceMs = 2000;
/** A layer of ours without an image: a pull may be about to use it. */
const usualUnusedAgeMs = 60 * 60_000;

export interface StoreOptions extends StoreLayout {
  readonly logger: Logger;
  /** The daemon takes in what the one before it left, and looks for damage; a command on the side leaves that to it. */
  readonly isDaemon?: boolean;
  /** Whether what crashes left is deleted; true unless said otherwise. */
  readonly cleans?: boolean;
  /** Whether damage that the daemon finds at its start is mended, or put aside where it cannot be. */
  readonly repairs?: boolean;
  /** The power has gone since the store was used: what other tools did not sync may be damaged. Later openings need not say it again. */
  readonly lostPower?: boolean;
}

export interface Store {
  readonly layers: LayerStore;
  readonly images: ImageRecords;
  readonly containers: ContainerLayers;
  /** What `cria check` looks at. */
  readonly state: StoreState;
  /** Ends the watching and deletes what was staged and not committed. Mounts stay. Idempotent. */
  close(): Promise<void>;
}

/** Opens the store, deletes what a crash left in it, and keeps its lists fresh. Other tools may use it meanwhile. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { logger, isDaemon = true, cleans = true, repairs = true, lostPower = false } = options;
  const closing = new AbortController();
  const store = storeState(options, logger, closing.signal);
  const unlisted = new UnlistedContainers(store, closing.signal);
  const warnOf =
    (what: string) =>
    (cause: unknown): void => {
      if (!closing.signal.aborted) logger.warn({ err: cause }, what);
    };
  await makeDirectories(store);
  await refreshLists(store);
  const layers = new OverlayLayerStore(store);
  const images = new OverlayImageRecords(store, unlisted);
  const containers = new OverlayContainerLayers(store, unlisted);
  let suspects: SuspectLayers | undefined;
  if (isDaemon) {
    await removeLostMappedHomes(store.paths);
    for (const containerId of await unlisted.recover()) unlisted.later(() => containers.remove(containerId));
    if (repairs) {
      await inspectAtStart(store);
      suspects = await SuspectLayers.open(store, lostPower);
    }
  }
  // What cannot be deleted (a mount, an immutable file) must not keep the daemon from starting.
  let unusedAgeMs = isDaemon ? 0 : usualUnusedAgeMs; // no pull of this daemon runs yet
  const collector = new Periodic(collectEveryMs, async () => {
    const collecting = collectGarbage(store, { patienceMs: startPatienceMs, unusedAgeMs });
    const done = await collecting.catch(warnOf('could not clean the image store'));
    if (done === false) collector.soon(collectAgainMs);
    for (const reserve of store.reserves)
      await reserve.fill().catch(warnOf('could not keep space for the lists'));
  });
  if (cleans) await collector.run();
  unusedAgeMs = usualUnusedAgeMs;
  const verifying = suspects && verifySuspects(store, suspects, closing.signal);
  const refresher = new Periodic(refreshEveryMs, () =>
    refreshLists(store).catch(warnOf('could not refresh the image store')),
  );
  return {
    layers,
    images,
    containers,
    state: store,
    async close() {
      closing.abort(); // another tool may hold a lock for minutes
      await refresher.stop();
      await collector.stop();
      await unlisted.idle();
      await verifying;
      await layers.close();
    },
  };
}

async function makeDirectories({ paths, imagePaths, containerPlace }: StoreState): Promise<void> {
  const { runRoot } = paths;
  const transient = ['overlay-layers', 'overlay-containers'].map((name) => join(runRoot, name));
  const closed = [
    runRoot,
    ...(containerPlace === 'volatile' ? transient : []),
    ...[paths, imagePaths].flatMap((home) => [home.layers, home.images, home.containers]),
  ];
  for (const path of closed) await mkdir(path, { recursive: true, mode: 0o700 });
  for (const { links } of [paths, imagePaths]) await mkdir(links, { recursive: true, mode: 0o755 });
}

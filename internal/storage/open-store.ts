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

type OnFailed = (what: string, cause: unknown) => void;

/** Opens the store, deletes what a crash left in it, and keeps its lists fresh. Other tools may use it meanwhile. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { logger, isDaemon = true, cleans = true } = options;
  const closing = new AbortController();
  const store = storeState(options, logger, closing.signal);
  const unlisted = new UnlistedContainers(store, closing.signal);
  const onFailed: OnFailed = (what, cause) => {
    if (!closing.signal.aborted) logger.warn({ err: cause }, what);
  };
  await makeDirectories(store);
  await refreshLists(store);
  const layers = new OverlayLayerStore(store);
  const images = new OverlayImageRecords(store, unlisted);
  const containers = new OverlayContainerLayers(store, unlisted);
  if (isDaemon) await takeOver(store, unlisted, containers);
  const suspects = isDaemon ? await inspect(store, options) : undefined;
  const cleanUp = async (unusedAgeMs: number): Promise<void> => {
    if (!(await clean(store, unusedAgeMs, onFailed))) collector.soon(collectAgainMs);
  };
  const collector = new Periodic(collectEveryMs, () => cleanUp(usualUnusedAgeMs));
  if (cleans) await cleanUp(isDaemon ? 0 : usualUnusedAgeMs); // no pull of this daemon runs yet
  const verifying = suspects && verifySuspects(store, suspects, closing.signal);
  const refresher = new Periodic(refreshEveryMs, () =>
    refreshLists(store).catch((cause) => onFailed('could not refresh the image store', cause)),
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

/** Goes on with what the daemon before this one had begun. */
async function takeOver(
  store: StoreState,
  unlisted: UnlistedContainers,
  containers: ContainerLayers,
): Promise<void> {
  await removeLostMappedHomes(store.paths);
  for (const containerId of await unlisted.recover()) unlisted.later(() => containers.remove(containerId));
}

/** Mends what a quick look finds, where damage is to be mended; the layers whose content is yet to be read are returned. */
async function inspect(
  store: StoreState,
  { repairs = true, lostPower = false }: StoreOptions,
): Promise<SuspectLayers | undefined> {
  if (!repairs) return undefined;
  await inspectAtStart(store);
  return SuspectLayers.open(store, lostPower);
}

/**
 * Deletes what is provably abandoned, and keeps space for the lists. False when another tool had the locks. What cannot be
 * deleted (a mount, an immutable file) is told, and must not keep the daemon from starting.
 */
async function clean(store: StoreState, unusedAgeMs: number, onFailed: OnFailed): Promise<boolean> {
  const collecting = collectGarbage(store, { patienceMs: startPatienceMs, unusedAgeMs });
  const done = await collecting.catch((cause) => onFailed('could not clean the image store', cause));
  for (const reserve of store.reserves)
    await reserve.fill().catch((cause) => onFailed('could not keep space for the lists', cause));
  return done !== false;
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

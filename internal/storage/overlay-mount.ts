// The overlay mount of a container.

import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';
import { removeTree } from '../fs/directories.ts';
import { SystemCallError } from '../sys/libc.ts';
import { fsMount, isUnsupportedMount, type MountRequest, MS_NODEV, mount } from '../sys/mount.ts';
import { linkNamesOf } from './layer-dir.ts';
import { type OverlayHomeOf, plainHomes, withMappedHomes } from './mapped-homes.ts';
import type { StorePaths } from './store-paths.ts';
import type { StoreState } from './store-state.ts';

/** mount(2) copies one page of options, its NUL included. */
const pageBytes = 4096;
const mountAttempts = 10;
const mountPauseMs = 10;

export interface MountPlace {
  readonly target: string;
  /** The user namespace for which the layers' ids are mapped. The container's own layer has the host's ids. */
  readonly userNamespacePath: string | undefined;
  /** Of SELinux, for all files; empty for none. */
  readonly label: string;
}

/**
 * Mounts a container's layer over its lower layers (nearest first) at `target`, which is made if it is missing. A
 * target that is a mount already is left as it is.
 *
 * The target is ours, not the layer's `merged`: podman counts the mounts there and would unmount it. `volatile` leaves
 * out every sync of the upper layer, and `nodev` makes device files of an image dead.
 */
export async function mountOverlay(
  store: StoreState,
  layerId: string,
  lowerIds: readonly string[],
  { target, userNamespacePath, label }: MountPlace,
): Promise<void> {
  await mkdir(target, { recursive: true, mode: 0o700 });
  if (await isMountPoint(target)) return;
  const { paths, mountOptions } = store;
  const directory = paths.layer(layerId);
  const upper: MountOption[] = [
    ['upperdir', join(directory, 'diff')],
    ['workdir', join(directory, 'work')],
    ...(isIndexDefault() ? [['index', 'off'] as const] : []),
    ['volatile', undefined],
    ...mountOptions.overlay,
    ...(label === '' ? [] : [['context', label] as const]),
  ];
  try {
    await mountDespiteOthers(directory, { store, lowerIds, target, upper, directory }, userNamespacePath);
  } catch (cause) {
    if (cause instanceof DaemonError) throw cause;
    if (cause instanceof SystemCallError && cause.syscall === 'mount_setattr')
      throw cannotMapIds(paths, cause);
    const hint = isUnsupportedMount(cause)
      ? `: the file system of "${paths.graphRoot}" may not be fit for overlays, see the kernel log`
      : '';
    throw new DaemonError('internal', `overlay of layer "${layerId}" cannot be mounted${hint}`, cause);
  }
}

export function cannotMapIds({ graphRoot }: StorePaths, cause: SystemCallError): DaemonError {
  const text = `the file system of "${graphRoot}" cannot map ids for a user namespace (${cause.code})`;
  return new DaemonError('failed-precondition', text, cause);
}

type MountOption = readonly [key: string, value: string | undefined];

interface LayersMount {
  readonly store: StoreState;
  readonly lowerIds: readonly string[];
  /** Of the container's layer. */
  readonly directory: string;
  readonly upper: readonly MountOption[];
  readonly target: string;
}

/**
 * podman and its kin mount the driver's home over itself while they run. When such a mount goes away between the kernel's
 * look at the layers and its use of them, mount(2) fails with EINVAL (`failed to clone lowerpath` in the kernel's log),
 * and a moment later there is nothing wrong.
 */
async function mountDespiteOthers(
  directory: string,
  layers: LayersMount,
  userNamespacePath: string | undefined,
): Promise<void> {
  for (let left = mountAttempts - 1; ; left -= 1) {
    // Overlay refuses a second volatile mount until this mark is gone: it guards data that we do not promise to keep.
    await removeTree(join(directory, 'work', 'work', 'incompat', 'volatile'));
    try {
      if (userNamespacePath === undefined) return await mountLayers(layers, plainHomes);
      const { store, lowerIds } = layers;
      return await withMappedHomes(store, lowerIds, userNamespacePath, (homeOf) =>
        mountLayers(layers, homeOf),
      );
    } catch (cause) {
      if (left === 0 || errnoCode(cause) !== 'EINVAL') throw cause;
    }
    await sleep(mountPauseMs);
  }
}

/**
 * Three ways, by what fits: absolute paths in one page (about 38 layers); short links relative to the driver's home,
 * as containers/storage does it (about 130 layers, any kernel); one option per layer (Linux 6.7).
 */
async function mountLayers(layers: LayersMount, homeOf: OverlayHomeOf): Promise<void> {
  const { store, lowerIds, upper, target, directory } = layers;
  const diffOf = (id: string): string => join(homeOf(store.homeOf(id)), id, 'diff');
  // A layer on nothing gets an empty directory below it: overlay wants at least one lower.
  const lowers = lowerIds.length === 0 ? [join(directory, 'empty')] : lowerIds.map(diffOf);
  const flags = MS_NODEV | store.mountOptions.flags;
  const request = { source: 'overlay', target, type: 'overlay', flags };
  const absolute = joined([['lowerdir', lowers.map(escaped).join(':')], ...upper]);
  if (Buffer.byteLength(absolute) < pageBytes) return mount({ ...request, data: absolute });
  const relative = joined([['lowerdir', (await shortPaths(layers, diffOf)).join(':')], ...upper]);
  if (Buffer.byteLength(relative) < pageBytes)
    return mountFrom(homeOf(store.paths), { ...request, data: relative });
  const options = [...lowers.map((path) => ['lowerdir+', path] as const), ...upper];
  try {
    // The attributes of fsmount(2) have the numbers of mount(2)'s flags.
    await fsMount({ type: 'overlay', target, options, attributes: flags });
  } catch (cause) {
    if (!isUnsupportedMount(cause)) throw cause;
    const what = `an image of ${lowers.length} layers cannot be mounted: so many need Linux 6.7`;
    throw new DaemonError('failed-precondition', what, cause);
  }
}

/** Links relative to the driver's home; the directory itself for a layer that is in another store. */
async function shortPaths(
  { store, lowerIds }: LayersMount,
  diffOf: (layerId: string) => string,
): Promise<string[]> {
  const names = await linkNamesOf(store, lowerIds);
  return lowerIds.map((layerId, at) =>
    store.homeOf(layerId) === store.paths ? `l/${names[at]}` : escaped(diffOf(layerId)),
  );
}

/** As mount(2) takes it. A label holds commas: SELinux takes it in quotes, fsconfig(2) without. */
export function joined(options: readonly MountOption[]): string {
  return options
    .map(([key, value]) => (value === undefined ? key : `${key}=${key === 'context' ? `"${value}"` : value}`))
    .join(',');
}

async function mountFrom(home: string, request: MountRequest): Promise<void> {
  const file = new URL(`./overlay-mount-worker${extname(import.meta.url)}`, import.meta.url);
  const worker = new Worker(file, { workerData: { home, request }, name: 'mount' });
  await once(worker, 'message'); // rejects with the error that the worker threw
  await worker.terminate();
}

async function isMountPoint(path: string): Promise<boolean> {
  const [inside, outside] = await Promise.all([stat(path), stat(dirname(path))]);
  return inside.dev !== outside.dev;
}

/** In mount(2)'s list a colon parts two layers and a comma two options. */
export function escaped(path: string): string {
  return path.replace(/[\\:,]/g, '\\$&');
}

const indexParameter = '/sys/module/overlay/parameters/index';

/** With the index on, a lower layer that was copied or restored is refused; images need none of it. */
function isIndexDefault(): boolean {
  return existsSync(indexParameter) && readFileSync(indexParameter, 'utf8').startsWith('Y');
}

// Changes in directories that may come and go.

import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';

const settleMs = 100;
const recheckMs = 5000;

interface Watched {
  readonly identity: string;
  readonly watcher: FSWatcher;
  /** Something has happened to the directory itself: another one of its name often has its number too. */
  isOver: boolean;
}

/**
 * Calls `onChange` at once, shortly after changes of entries in `directories`, and every 5 s, one call at a time,
 * until `signal` aborts. A directory that is not there is waited for in the nearest one above it that is: a provider of networks
 * makes its directory and its file in one go. The period finds what inotify could not tell.
 */
export function watchDirectories(
  directories: readonly string[],
  onChange: () => Promise<unknown>,
  signal: AbortSignal,
): void {
  if (signal.aborted) return;
  const watched = new Map<string, Watched>();
  let timer: NodeJS.Timeout | undefined;
  let state: 'idle' | 'settling' | 'looking' = 'idle';
  let isStale = false;

  const lookAfter = (ms: number): void => {
    clearTimeout(timer);
    if (!signal.aborted) timer = setTimeout(() => void look(), ms).unref();
  };
  const onEvent = (): void => {
    isStale = true;
    if (state !== 'idle') return;
    state = 'settling';
    lookAfter(settleMs);
  };
  const look = async (): Promise<void> => {
    state = 'looking';
    isStale = false;
    for (const directory of directories) await follow(watched, directory, onEvent);
    if (signal.aborted) closeAll(watched);
    else await onChange().catch(() => {}); // the next look tries again
    state = isStale ? 'settling' : 'idle';
    lookAfter(isStale ? settleMs : recheckMs);
  };

  const stop = (): void => {
    clearTimeout(timer);
    closeAll(watched);
  };
  signal.addEventListener('abort', stop, { once: true });
  void look();
}

/** Watches the directory that has the name now. */
async function follow(watched: Map<string, Watched>, directory: string, onEvent: () => void): Promise<void> {
  for (;;) {
    const found = await nearest(directory);
    const before = watched.get(directory);
    // also after a new watch: what was made before it began is no event
    if (before !== undefined && before.identity === found?.identity && !before.isOver) return;
    before?.watcher.close();
    watched.delete(directory);
    if (found === undefined) return;
    try {
      watched.set(directory, watchOne(found, onEvent));
    } catch {
      return; // gone again, or the user's inotify limit: the period does the work
    }
  }
}

function watchOne({ path, identity, missing }: Nearest, onEvent: () => void): Watched {
  const watcher = watch(path, { persistent: false }, (_, name) => {
    const isOfItself = name === basename(path); // so libuv names it; an entry of the same name does no harm
    if (isOfItself) one.isOver = true;
    if (missing === undefined || name === null || name === missing || isOfItself) onEvent();
  });
  const one: Watched = { identity, watcher, isOver: false };
  watcher.on('error', () => watcher.close());
  return one;
}

interface Nearest {
  readonly path: string;
  readonly identity: string;
  /** The name that is not there in it; undefined for the directory itself. */
  readonly missing: string | undefined;
}

async function nearest(directory: string): Promise<Nearest | undefined> {
  let [path, missing]: [string, string | undefined] = [resolve(directory), undefined]; // without a slash at its end
  for (;;) {
    const identity = await identityOf(path);
    if (identity !== undefined) return { path, identity: `${identity}:${missing ?? ''}`, missing };
    if (dirname(path) === path) return undefined;
    [path, missing] = [dirname(path), basename(path)];
  }
}

async function identityOf(directory: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(directory, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

function closeAll(watched: Map<string, Watched>): void {
  for (const { watcher } of watched.values()) watcher.close();
  watched.clear();
}

// Changes in directories that may come and go.

import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';

const settleMs = 100;
const recheckMs = 5000;

interface Watched {
  readonly identity: string;
  readonly watcher: FSWatcher;
}

/**
 * Calls `onChange` at once, shortly after changes of entries in `directories`, and every 5 s, one call at a time,
 * until `signal` aborts. The period finds directories that appear or are replaced, and what inotify could not tell.
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
  const identity = await identityOf(directory);
  const before = watched.get(directory);
  if (before?.identity === identity) return;
  before?.watcher.close();
  watched.delete(directory);
  if (identity === undefined) return;
  try {
    const watcher = watch(directory, { persistent: false }, onEvent);
    watcher.on('error', () => watcher.close());
    watched.set(directory, { identity, watcher });
  } catch {
    // gone again, or the user's inotify limit: the period does the work
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

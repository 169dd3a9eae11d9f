// pull_progress_timeout: a pull to which the registry gives nothing for a while is ended.

import { setMaxListeners } from 'node:events';
import { DaemonError } from '../errors/daemon-error.ts';
import { formatReference, type Reference } from '../registry/reference.ts';
import type { PullProgress } from './pull-progress.ts';

/** The limit is looked at this often while it passes. */
const checksPerLimit = 10;

export interface SilenceLimit {
  readonly progress: PullProgress;
  readonly candidate: Reference;
  /** 0 for none. */
  readonly limitMs: number;
}

/**
 * Runs `work` with a signal that aborts with `signal`, and when the registry was silent for the limit: then the failure
 * begins with the word that the kubelet knows for a registry that is away.
 */
export async function withSilenceLimit<T>(
  { progress, candidate, limitMs }: SilenceLimit,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (limitMs === 0) return work(signal);
  signal.throwIfAborted();
  const stop = new AbortController();
  setMaxListeners(0, stop.signal); // one or more for each layer: no leak
  const pass = (): void => stop.abort(signal.reason);
  signal.addEventListener('abort', pass, { once: true });
  const timer = setInterval(() => {
    if (progress.silentMs >= limitMs) stop.abort(tooSilent(candidate, limitMs));
  }, limitMs / checksPerLimit);
  try {
    return await work(stop.signal);
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', pass);
  }
}

function tooSilent(candidate: Reference, limitMs: number): DaemonError {
  const text = `RegistryUnavailable: registry "${candidate.repository.host}" gave nothing of image "${formatReference(candidate)}" for ${limitMs / 1000} s, the limit that pull_progress_timeout sets`;
  return new DaemonError('unknown', text);
}

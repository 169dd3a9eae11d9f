// SIGHUP: the configuration is read again. Its default action would end the daemon.

import type { EventEmitter } from 'node:events';
import { formatProblem } from '../../internal/config/config-error.ts';
import type { LoadedConfig } from '../../internal/config/load-config.ts';
import type { Config } from '../../internal/config/options.ts';
import { reloadConfig } from '../../internal/config/reload-config.ts';
import type { DaemonLogger } from './logger.ts';

/** A part of the daemon that follows the configuration; when it throws, it goes on as before. */
export type Follower = (config: Config) => Promise<void>;

export interface ReloadParts {
  readonly logger: DaemonLogger;
  readonly searchPath: string;
  /** The process, whose signals are events. */
  readonly signals: EventEmitter;
  /** Called at each reload, in order. */
  readonly followers: readonly Follower[];
}

/** What the log says of its new value, in this order. */
const toldChanges: readonly (readonly [key: string, textOf: (config: Config) => string])[] = [
  ['crio.runtime.log_level', ({ runtime }) => runtime.log_level],
  ['crio.runtime.seccomp_profile', ({ runtime }) => runtime.seccomp_profile],
  ['crio.runtime.apparmor_profile', ({ runtime }) => runtime.apparmor_profile],
  ['crio.runtime.default_runtime', ({ runtime }) => runtime.default_runtime],
  ['crio.runtime.runtimes', ({ runtime }) => Object.keys(runtime.runtimes).join(',')],
  ['crio.image.pinned_images', ({ image }) => image.pinned_images.join(',')],
];

/**
 * Follows SIGHUP until the returned function is called. A configuration that cannot work is logged and changes nothing;
 * the files that a follower reads, such as registries.conf, are part of it.
 *
 * Signals that come while a reload runs are answered by one more afterwards, in order. The words are those of CRI-O's
 * log, which node tools wait for.
 */
export function reloadOnHangup(
  start: LoadedConfig,
  { logger, searchPath, signals, followers }: ReloadParts,
): () => void {
  let current = start;
  let last: Promise<void> = Promise.resolve();

  async function reload(): Promise<void> {
    try {
      const { loaded, changed, needRestart } = await reloadConfig(current, searchPath);
      for (const follow of followers) await follow(loaded.config);
      const known = new Set(current.warnings.map(formatProblem));
      const fresh = loaded.warnings.filter((warning) => !known.has(formatProblem(warning)));
      current = loaded;
      for (const { source, key, reason } of fresh) logger.warn({ file: source, key }, reason);
      if (changed.includes('crio.runtime.log_level')) logger.setLevel(loaded.config.runtime.log_level);
      for (const [key, textOf] of toldChanges) {
        if (!changed.includes(key)) continue;
        logger.info({}, `set config ${key.slice(key.lastIndexOf('.') + 1)} to "${textOf(loaded.config)}"`);
      }
      for (const key of needRestart) logger.warn({ key }, 'a new value takes effect at the next start');
      logger.info({}, 'configuration reload completed');
    } catch (err) {
      logger.error({ err }, 'unable to reload configuration');
    }
  }

  const onHangup = (): void => {
    last = last.then(reload);
  };
  signals.on('SIGHUP', onHangup);
  return () => void signals.off('SIGHUP', onHangup);
}

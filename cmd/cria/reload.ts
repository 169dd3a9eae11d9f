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
      const { runtime, image } = loaded.config;
      if (changed.includes('crio.runtime.log_level')) {
        logger.setLevel(runtime.log_level);
        logger.info({}, `set config log_level to "${runtime.log_level}"`);
      }
      if (changed.includes('crio.runtime.default_runtime'))
        logger.info({}, `set config default_runtime to "${runtime.default_runtime}"`);
      if (changed.includes('crio.runtime.runtimes'))
        logger.info({}, `set config runtimes to "${Object.keys(runtime.runtimes).join(',')}"`);
      if (changed.includes('crio.image.pinned_images'))
        logger.info({}, `set config pinned_images to "${image.pinned_images.join(',')}"`);
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

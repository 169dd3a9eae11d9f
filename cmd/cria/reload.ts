// SIGHUP: the configuration is read again. Its default action would end the daemon.

import type { EventEmitter } from 'node:events';
import type { LoadedConfig } from '../../internal/config/load-config.ts';
import { reloadConfig } from '../../internal/config/reload-config.ts';
import type { DaemonLogger } from './logger.ts';

export interface ReloadParts {
  readonly logger: DaemonLogger;
  readonly searchPath: string;
  /** The process, whose signals are events. */
  readonly signals: EventEmitter;
}

/**
 * Follows SIGHUP until the returned function is called. A configuration that cannot work is logged and changes nothing.
 *
 * Signals that come while a reload runs are answered by one more afterwards, in order. The words are those of CRI-O's
 * log, which node tools wait for.
 */
export function reloadOnHangup(
  start: LoadedConfig,
  { logger, searchPath, signals }: ReloadParts,
): () => void {
  let current = start;
  let last: Promise<void> = Promise.resolve();

  async function reload(): Promise<void> {
    try {
      const { loaded, changed, needRestart } = await reloadConfig(current, searchPath);
      current = loaded;
      const { log_level: level } = loaded.config.runtime;
      if (changed.includes('crio.runtime.log_level')) {
        logger.setLevel(level);
        logger.info({}, `set config log_level to "${level}"`);
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

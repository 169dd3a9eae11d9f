// The daemon's life: from a validated configuration to the end that a signal asks for.

import type { LoadedConfig } from '../../internal/config/load-config.ts';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import type { Logger } from '../../internal/log/logger.ts';

/** Runs until SIGTERM or SIGINT; resolves with the exit code. */
export function runDaemon(_config: LoadedConfig, _logger: Logger): Promise<number> {
  return Promise.reject(new DaemonError('unimplemented', 'the daemon is not wired yet'));
}

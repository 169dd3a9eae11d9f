// `cria check`: looks at the image store, and repairs it if asked to.

import type { LoadedConfig } from '../../internal/config/load-config.ts';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import { inspect } from '../../internal/storage/check/inspect.ts';
import { repair } from '../../internal/storage/check/repair.ts';
import { refreshLists } from '../../internal/storage/store-state.ts';
import { type CheckCommand, formatCheck } from './cli/check-verb.ts';
import type { Terminal } from './cli/terminal.ts';
import { createLogger } from './logger.ts';
import { openConfiguredStore } from './wire-store.ts';

/** Resolves with the exit code. Ctrl-C ends a check, never the middle of a repair. */
export async function runCheckCommand(
  { config }: LoadedConfig,
  command: CheckCommand,
  terminal: Terminal,
): Promise<number> {
  const lifetime = new AbortController();
  const interrupt = (): void => lifetime.abort(new DaemonError('cancelled', 'interrupted'));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const logger = createLogger(config.runtime.log_level, config.cria.log_format);
  const store = await openConfiguredStore(config, logger, { isDaemon: false, cleans: false });
  try {
    const { contents, unreferencedAgeMs, force } = command;
    const options = { contents, unreferencedAgeMs, signal: lifetime.signal };
    const inspection = await inspect(store.state, options);
    let remaining = inspection.findings;
    let result: Awaited<ReturnType<typeof repair>> | undefined;
    if (command.repairs && inspection.findings.length > 0) {
      result = await repair(store.state, inspection.findings, force);
      await refreshLists(store.state);
      remaining = (await inspect(store.state, options)).findings;
    }
    terminal.out(formatCheck({ inspection, repair: result, remaining }, command.json));
    return remaining.length === 0 ? 0 : 1;
  } finally {
    await store.close();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

// `cria check`: looks at the image store, and repairs it if asked to.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadedConfig } from '../../internal/config/load-config.ts';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import { inspect } from '../../internal/storage/check/inspect.ts';
import { repair } from '../../internal/storage/check/repair.ts';
import type { Store } from '../../internal/storage/open-store.ts';
import { refreshLists } from '../../internal/storage/store-state.ts';
import { type CheckCommand, formatCheck } from './cli/check-verb.ts';
import type { Terminal } from './cli/terminal.ts';
import { interruptible } from './interruptible.ts';
import { createLogger } from './logger.ts';
import { openConfiguredStore } from './wire-store.ts';

/** Resolves with the exit code. Ctrl-C ends a check, never the middle of a repair. */
export async function runCheckCommand(
  { config }: LoadedConfig,
  command: CheckCommand,
  terminal: Terminal,
): Promise<number> {
  requireStore(config.crio.root);
  return interruptible(terminal, async (signal) => {
    const logger = createLogger(config.runtime.log_level, config.cria.log_format);
    const store = await openConfiguredStore(config, logger, { isDaemon: false, cleans: false });
    try {
      return await check(store, command, terminal, signal);
    } finally {
      await store.close();
    }
  });
}

/** To open a store makes what is missing of it: a mistaken path, or a disk that is not mounted, would be without damage. */
function requireStore(root: string): void {
  if (existsSync(join(root, 'overlay'))) return; // the driver's home, which every store has that was ever opened
  const text = `there is no image store in "${root}", so nothing was checked; root in [crio], or graphroot in storage.conf, says where it is`;
  throw new DaemonError('not-found', text);
}

async function check(
  { state }: Store,
  command: CheckCommand,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const { contents, unreferencedAgeMs, force } = command;
  const options = { contents, unreferencedAgeMs, signal };
  const inspection = await inspect(state, options);
  let remaining = inspection.findings;
  let result: Awaited<ReturnType<typeof repair>> | undefined;
  if (command.repairs && inspection.findings.length > 0) {
    result = await repair(state, inspection.findings, force);
    await refreshLists(state);
    remaining = (await inspect(state, options)).findings;
  }
  terminal.out(formatCheck({ inspection, repair: result, remaining }, command.json));
  return remaining.length === 0 ? 0 : 1;
}

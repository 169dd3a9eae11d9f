// `cria image ...`: the image store without a daemon.

import type { LoadedConfig } from '../../internal/config/load-config.ts';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import { Spawner } from '../../internal/monitor/spawner.ts';
import { SpawnerRunner } from '../../internal/monitor/spawner-runner.ts';
import { formatImages, type ImageCommand } from './cli/image-arguments.ts';
import type { Terminal } from './cli/terminal.ts';
import { createLogger } from './logger.ts';
import { type ImageParts, wireImages } from './wire-images.ts';

/** Does what the command says; resolves with the exit code. Ctrl-C ends a pull or a load, and what it left is gone. */
export async function runImageCommand(
  { config }: LoadedConfig,
  command: ImageCommand,
  terminal: Terminal,
): Promise<number> {
  const lifetime = new AbortController();
  const interrupt = (): void => lifetime.abort(new DaemonError('cancelled', 'interrupted'));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const logger = createLogger(config.runtime.log_level, config.cria.log_format);
  // Starts with the first credential helper.
  const spawner = new Spawner({ monitorPath: config.cria.monitor_path, logger });
  const runner = new SpawnerRunner(spawner);
  try {
    const parts = await wireImages(config, {
      runner,
      logger,
      lifetime: lifetime.signal,
      use: { isDaemon: false },
    });
    return await performAndClose(parts, command, terminal, lifetime.signal);
  } finally {
    await spawner.close();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

async function performAndClose(
  parts: ImageParts,
  command: ImageCommand,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  try {
    terminal.out(await perform(parts, command, signal));
    return 0;
  } finally {
    await parts.images.idle();
    await parts.store.close();
  }
}

async function perform({ images }: ImageParts, command: ImageCommand, signal: AbortSignal): Promise<string> {
  switch (command.action) {
    case 'load':
      return (await images.load(command.path, command.names, signal)).map((id) => `${id}\n`).join('');
    case 'pull': {
      const asked = { reference: command.reference, credentials: undefined, namespace: '' };
      return `${await images.pull(asked, signal)}\n`;
    }
    case 'list':
      return formatImages(images.list(), command.json);
    case 'remove':
      await images.remove(command.reference, signal);
      return '';
  }
}

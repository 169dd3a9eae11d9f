// `cria image ...`: the image store without a daemon.

import type { LoadedConfig } from '../../internal/config/load-config.ts';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import type { ImageCommand } from './cli/image-arguments.ts';
import type { Terminal } from './cli/terminal.ts';

/** Does what the command says; resolves with the exit code. */
export function runImageCommand(
  _config: LoadedConfig,
  command: ImageCommand,
  _terminal: Terminal,
): Promise<number> {
  return Promise.reject(new DaemonError('unimplemented', `"image ${command.action}" is not wired yet`));
}

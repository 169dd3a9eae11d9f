// The commands about what runs on the node, each with a client of the daemon.

import type { LoadedConfig } from '../../../internal/config/load-config.ts';
import type { Config } from '../../../internal/config/options.ts';
import { type CriClient, connectCri } from '../../../internal/cri-client/cri-client.ts';
import type { Terminal } from '../cli/terminal.ts';
import type { WorkloadCommand } from '../cli/workload-arguments.ts';
import { interruptible } from '../interruptible.ts';
import { attachCommand, execCommand } from './command-commands.ts';
import { podsCommand, psCommand } from './list-commands.ts';
import { logsCommand } from './logs-command.ts';
import { portForwardCommand } from './port-forward-command.ts';

/** What every such command works with. */
export interface Work {
  readonly config: Config;
  readonly client: CriClient;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/** Does what the command says; resolves with the exit code. Ctrl-C ends it. */
export function runWorkloadCommand(
  { config }: LoadedConfig,
  command: WorkloadCommand,
  terminal: Terminal,
): Promise<number> {
  return interruptible(terminal, async (signal) => {
    const client = connectCri(config.api.listen);
    try {
      return await perform({ config, client, terminal, signal }, command);
    } finally {
      client.close();
    }
  });
}

function perform(work: Work, command: WorkloadCommand): Promise<number> {
  switch (command.action) {
    case 'ps':
      return psCommand(work, command);
    case 'pods':
      return podsCommand(work, command);
    case 'exec':
      return execCommand(work, command);
    case 'attach':
      return attachCommand(work, command);
    case 'port-forward':
      return portForwardCommand(work, command);
    case 'logs':
      return logsCommand(work, command);
  }
}

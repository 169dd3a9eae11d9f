// The commands about what runs on the node, each with a client of the daemon.

import type { LoadedConfig } from '../../../internal/config/load-config.ts';
import type { Config } from '../../../internal/config/options.ts';
import { type CriClient, connectCri } from '../../../internal/cri-client/cri-client.ts';
import type { Terminal } from '../cli/terminal.ts';
import type { WorkloadCommand } from '../cli/workload-arguments.ts';
import { interruptible } from '../interruptible.ts';

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

/** Each with its own modules alone: a list needs none of those that make terminals and streams. */
async function perform(work: Work, command: WorkloadCommand): Promise<number> {
  switch (command.action) {
    case 'ps':
      return (await import('./list-commands.ts')).psCommand(work, command);
    case 'pods':
      return (await import('./list-commands.ts')).podsCommand(work, command);
    case 'sessions':
      return (await import('./list-commands.ts')).sessionsCommand(work, command);
    case 'exec':
      return (await import('./command-commands.ts')).execCommand(work, command);
    case 'attach':
      return (await import('./command-commands.ts')).attachCommand(work, command);
    case 'port-forward':
      return (await import('./port-forward-command.ts')).portForwardCommand(work, command);
    case 'logs':
      return (await import('./logs-command.ts')).logsCommand(work, command);
  }
}

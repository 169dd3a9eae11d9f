// CommandRunner by the spawner: what the daemon uses for OCI runtimes and CNI plugins.

import { constants } from 'node:os';
import { hasKind } from '../errors/daemon-error.ts';
import type { CommandResult, CommandRunner, RunOptions } from '../process/command-runner.ts';
import { ProcessError } from '../process/process-error.ts';
import type { CommandEnd, Spawner } from './spawner.ts';

/** Runs commands outside of the daemon's own process. */
export class SpawnerRunner implements CommandRunner {
  readonly #spawner: Spawner;

  constructor(spawner: Spawner) {
    this.#spawner = spawner;
  }

  async run(argv: readonly string[], options: RunOptions, signal: AbortSignal): Promise<CommandResult> {
    const end = await this.#start(argv, options, signal);
    const stdout = end.stdout.toString('utf8');
    const stderr = end.stderr.toString('utf8');
    if (end.code === 0 && !end.timedOut) return { stdout, stderr };
    const signalName = end.signal === null ? null : nameOfSignal(end.signal);
    throw new ProcessError({ argv, exitCode: end.code, signalName, stdout, stderr, timedOut: end.timedOut });
  }

  async #start(argv: readonly string[], options: RunOptions, signal: AbortSignal): Promise<CommandEnd> {
    const { cwd, stdin, timeoutMs } = options;
    const env = options.env ?? (process.env as Record<string, string>);
    const input = typeof stdin === 'string' ? Buffer.from(stdin) : stdin;
    try {
      return await this.#spawner.run({ argv, env, cwd, stdin: input, timeoutMs }, signal);
    } catch (cause) {
      signal.throwIfAborted();
      const stderr = cause instanceof Error ? cause.message : String(cause);
      const isLost = hasKind(cause, 'unavailable');
      const failure = { argv, exitCode: null, signalName: null, stdout: '', stderr, timedOut: false, isLost };
      throw new ProcessError(failure, cause);
    }
  }
}

function nameOfSignal(number: number): string {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] ?? `SIG${number}`;
}

// How the daemon runs a program and waits for it. In the daemon every command goes through the monitor's spawner,
// because a fork of the Node process stops its event loop.

export interface RunOptions {
  /** Written to the command's stdin, which is then closed; without it stdin is /dev/null. */
  readonly stdin?: string | Uint8Array;
  /** The whole environment of the command. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The command's process group and descendants are killed after this time. */
  readonly timeoutMs: number;
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandRunner {
  /**
   * Runs `argv` (an absolute path first) and resolves when it has exited with code 0; rejects with a ProcessError
   * otherwise. At most 1 MiB of each stream is kept, the rest is read and dropped. An abort of `signal` kills the
   * command's process group; no process is left when this settles.
   */
  run(argv: readonly string[], options: RunOptions, signal: AbortSignal): Promise<CommandResult>;
}

// A command line that makes no sense: exit code 2, as the shell's own commands have it.

/** The message is for the person at the terminal; the command's help tells the rest. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

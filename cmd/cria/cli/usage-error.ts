// A command line that makes no sense: exit code 2, as the shell's own commands have it.

/** The message is for the person at the terminal; the command's help tells the rest. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** Whose help tells the rest; undefined for the command that was found on the command line. */
  readonly verbName: string | undefined;

  constructor(message: string, verbName?: string) {
    super(message);
    this.verbName = verbName;
  }
}

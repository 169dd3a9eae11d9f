// The one error for a command that did not end well.

export interface ProcessFailure {
  readonly argv: readonly string[];
  readonly exitCode: number | null;
  readonly signalName: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  /** Whoever ran it is gone, and nobody knows how it ended. */
  readonly isLost?: boolean;
}

/** A command that could not be started, was lost, exited with a code other than 0, was killed, or ran out of time. */
export class ProcessError extends Error {
  override readonly name = 'ProcessError';
  readonly failure: ProcessFailure;

  constructor(failure: ProcessFailure, cause?: unknown) {
    super(summary(failure), cause === undefined ? undefined : { cause });
    this.failure = failure;
  }
}

/** How the command ended, for a sentence that begins with its name. */
export function howItEnded(failure: ProcessFailure): string {
  if (failure.timedOut) return 'ran out of time';
  if (failure.signalName !== null) return `was killed by ${failure.signalName}`;
  if (failure.exitCode !== null) return `exited with code ${failure.exitCode}`;
  return failure.isLost === true ? 'was lost' : 'could not be started';
}

function summary(failure: ProcessFailure): string {
  const command = failure.argv[0] ?? '';
  const tail = failure.stderr.trim().slice(-2048);
  const how = howItEnded(failure);
  return tail === '' ? `${command} ${how}` : `${command} ${how}: ${tail}`;
}

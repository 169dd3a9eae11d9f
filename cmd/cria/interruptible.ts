// Commands that a person may end with Ctrl-C.

import { constants } from 'node:os';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import type { Terminal } from './cli/terminal.ts';

const signals = ['SIGINT', 'SIGTERM'] as const;
/** As shells have it for a program that a signal has ended. */
const codeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];
export const interruptedCodes: readonly number[] = signals.map(codeOf);

/**
 * Resolves with the exit code of `work`, or with 128 and the signal's number when it ended because of the signal. Further
 * signals change nothing: what `work` has to finish or to undo is never cut off.
 */
export async function interruptible(
  terminal: Terminal,
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const lifetime = new AbortController();
  const interrupted = new DaemonError('cancelled', 'interrupted');
  let interruptedBy: NodeJS.Signals | undefined;
  const interrupt = (signal: NodeJS.Signals): void => {
    interruptedBy ??= signal;
    lifetime.abort(interrupted);
  };
  for (const signal of signals) process.on(signal, interrupt);
  try {
    return await work(lifetime.signal);
  } catch (cause) {
    if (interruptedBy === undefined || cause !== interrupted) throw cause;
    terminal.err('cria: interrupted\n');
    return codeOf(interruptedBy);
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
  }
}

// How the end of a command is told on the error stream or channel: as the Kubernetes Status in JSON since version 4 of the
// remote command protocol, before that as text, of which there is none for success.

import type { CommandOutcome } from './stream-client.ts';

const nonZero = (code: number): string => `command terminated with non-zero exit code: ${code}`;

/** `version` is the number in `vN.channel.k8s.io`; 1 without one. Empty when there is nothing to tell. */
export function outcomeText(outcome: CommandOutcome, version: number): string {
  return version >= 4 ? JSON.stringify(statusOf(outcome)) : plainText(outcome);
}

function plainText(outcome: CommandOutcome): string {
  if (outcome.kind === 'failed') return outcome.message;
  return outcome.code === 0 ? '' : nonZero(outcome.code);
}

function statusOf(outcome: CommandOutcome): object {
  if (outcome.kind === 'failed') {
    const { message } = outcome;
    const told = { reason: 'InternalError', details: { causes: [{ message }] }, code: 500 };
    return { metadata: {}, status: 'Failure', message: `Internal error occurred: ${message}`, ...told };
  }
  const { code } = outcome;
  if (code === 0) return { metadata: {}, status: 'Success' };
  const causes = [{ reason: 'ExitCode', message: String(code) }];
  return {
    ...{ metadata: {}, status: 'Failure', message: nonZero(code) },
    ...{ reason: 'NonZeroExitCode', details: { causes } },
  };
}

// What the error channel of a command says at its end: a Kubernetes Status.

import { DaemonError } from '../errors/daemon-error.ts';

interface Status {
  readonly status?: unknown;
  readonly message?: unknown;
  readonly reason?: unknown;
  readonly details?: {
    readonly causes?: readonly { readonly reason?: unknown; readonly message?: unknown }[];
  };
}

/** The exit code of the command. Throws what the runtime says when there is none. */
export function exitCodeOf(text: string): number {
  const status = parseStatus(text);
  if (status.status === 'Success') return 0;
  const cause = status.details?.causes?.find(({ reason }) => reason === 'ExitCode');
  const code = Number(cause?.message ?? Number.NaN);
  if (status.reason === 'NonZeroExitCode' && Number.isInteger(code)) return code;
  throw new DaemonError('unknown', String(status.message ?? text));
}

function parseStatus(text: string): Status {
  if (text === '')
    throw new DaemonError(
      'unavailable',
      'the connection was closed before the end was told; has the daemon ended?',
    );
  try {
    const status: unknown = JSON.parse(text);
    if (typeof status === 'object' && status !== null) return status;
  } catch {
    // said below
  }
  throw new DaemonError(
    'unknown',
    `the end was told in strange words: ${JSON.stringify(text.slice(0, 200))}`,
  );
}

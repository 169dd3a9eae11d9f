// The streams that Exec and Attach ask for.

import { DaemonError } from '../../errors/daemon-error.ts';
import type { CommandStreams } from '../../streaming/stream-client.ts';

interface Wanted {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** `invalid-argument` as other runtimes have it: a terminal has no stderr of its own, and at least one stream is wanted. */
export function commandStreams({ tty, stdin, stdout, stderr }: Wanted): CommandStreams {
  if (tty && stderr) throw new DaemonError('invalid-argument', 'tty and stderr cannot both be true');
  if (!stdin && !stdout && !stderr)
    throw new DaemonError('invalid-argument', 'one of stdin, stdout or stderr must be set');
  return { stdin, stdout, stderr, terminal: tty };
}

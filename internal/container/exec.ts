// Exec: a command in a running container, with streams for a client.

import type { StreamSession } from '../monitor/stream-session.ts';
import type { ContainerParts } from './container-parts.ts';
import { execTarget } from './exec-target.ts';

export interface ExecCommand {
  readonly command: readonly string[];
  readonly terminal: boolean;
  readonly stdin: boolean;
}

/**
 * Starts the command; that it could not be started is told by the session's `exit`. Nothing of it outlives the session.
 * Rejects as `execTarget`.
 */
export async function exec(
  parts: ContainerParts,
  idOrPrefix: string,
  { command, terminal, stdin }: ExecCommand,
  signal: AbortSignal,
): Promise<StreamSession> {
  const target = await execTarget(parts, idOrPrefix, { command, terminal });
  return parts.monitors.exec({ ...target, terminal, stdin, terminalSize: undefined, timeoutMs: 0 }, signal);
}

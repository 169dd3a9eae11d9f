import { DaemonError } from '../../errors/daemon-error.ts';
import type { ProcessSpec, RlimitSpec } from '../../oci/runtime-spec.ts';

// The nearest double below 2^64: its JSON form still fits 64 bits, while that of RLIM_INFINITY's double does not.
const nearlyUnlimited = 2 ** 64 - 2 ** 11;

/**
 * The OCI process for a command in a running container: its user, rights, environment, directory and labels are those
 * of the container's own process, whether `stored` was just built or was read back from config.json. Holds no bigint.
 */
export function execProcess(stored: ProcessSpec, command: readonly string[], tty: boolean): ProcessSpec {
  requireCommand(command);
  const hasTerm = stored.env.some((entry) => entry.startsWith('TERM='));
  return {
    ...stored,
    terminal: tty,
    args: command,
    env: tty && !hasTerm ? [...stored.env, 'TERM=xterm'] : stored.env,
    ...(stored.rlimits !== undefined && { rlimits: stored.rlimits.map(withoutBigint) }),
  };
}

/** `invalid-argument` for what no runtime could start. */
export function requireCommand(command: readonly string[]): void {
  if (command.length === 0 || command[0] === '') {
    throw new DaemonError('invalid-argument', 'exec needs a command, the request has none');
  }
  if (command.some((argument) => argument.includes('\0'))) {
    throw new DaemonError('invalid-argument', 'the command holds an argument with a NUL character');
  }
}

function withoutBigint({ type, soft, hard }: RlimitSpec): RlimitSpec {
  return {
    type,
    soft: Math.min(Number(soft), nearlyUnlimited),
    hard: Math.min(Number(hard), nearlyUnlimited),
  };
}

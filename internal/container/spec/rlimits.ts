import { DaemonError } from '../../errors/daemon-error.ts';
import type { RlimitSpec } from '../../oci/runtime-spec.ts';

const names: ReadonlySet<string> = new Set([
  'as',
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
]);

/** RLIM_INFINITY of the kernel. */
export const unlimited = 2n ** 64n - 1n;

/** The limits that `name=soft[:hard]` entries of the config file ask for; -1 is unlimited, the last of a name wins. */
export function rlimits(entries: readonly string[]): readonly RlimitSpec[] {
  const limits = new Map<string, RlimitSpec>();
  for (const entry of entries) {
    const parsed = /^([a-z]+)=(-1|\d{1,20})(?::(-1|\d{1,20}))?$/.exec(entry);
    const [, name = '', softText = '', hardText = softText] = parsed ?? [];
    if (!names.has(name)) {
      throw new DaemonError(
        'invalid-argument',
        `ulimit ${JSON.stringify(entry)} is not of the form name=soft:hard`,
      );
    }
    const soft = limitOf(softText);
    const hard = limitOf(hardText);
    if (soft > hard) {
      throw new DaemonError(
        'invalid-argument',
        `ulimit ${JSON.stringify(entry)} has a soft limit above the hard one`,
      );
    }
    limits.set(name, { type: `RLIMIT_${name.toUpperCase()}`, soft, hard });
  }
  return [...limits.values()];
}

function limitOf(text: string): number | bigint {
  const value = text === '-1' ? unlimited : BigInt(text);
  if (value > unlimited) throw new DaemonError('invalid-argument', `ulimit value ${text} is above 2^64 - 1`);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

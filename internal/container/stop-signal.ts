// The signal that asks a container to end.

import { constants } from 'node:os';
import { DaemonError } from '../errors/daemon-error.ts';

/** First and last real-time signal as glibc and musl give them out. */
const sigrtmin = 34;
const sigrtmax = 64;

const numbers: Readonly<Record<string, number>> = constants.signals;
const names = new Map(Object.entries(numbers).map(([name, number]) => [number, name]));

/**
 * The name of a signal given as `SIGTERM`, `TERM`, `15` or `SIGRTMIN+3`; SIGTERM for empty text. The image's text is
 * untrusted, so anything else is `invalid-argument`.
 */
export function stopSignalName(text: string): string {
  if (text === '') return 'SIGTERM';
  const upper = text.toUpperCase();
  if (/^\d{1,2}$/.test(text)) {
    const number = Number(text);
    const name = names.get(number) ?? (number >= sigrtmin ? `SIGRTMIN+${number - sigrtmin}` : '');
    if (signalNumber(name) === number) return name;
  } else {
    const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
    if (signalNumber(name) !== undefined) return name;
  }
  throw new DaemonError(
    'invalid-argument',
    `stop signal ${JSON.stringify(text)} is not a signal of this system`,
  );
}

/** The number of a signal's full name; undefined when there is no such signal. */
export function signalNumber(name: string): number | undefined {
  if (Object.hasOwn(numbers, name)) return numbers[name];
  const [, edge, sign, offset] = /^SIGRT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name) ?? [];
  if (edge === undefined) return undefined;
  const base = edge === 'MIN' ? sigrtmin : sigrtmax;
  const number = base + (sign === '-' ? -1 : 1) * Number(offset ?? 0);
  return number >= sigrtmin && number <= sigrtmax ? number : undefined;
}

// The small rules that all messages share: what a missing, out-of-range or unknown value becomes. Messages come from
// proto-loader with longs and enums as strings; an enum value that the proto does not have arrives as a number.

import { DaemonError } from '../../errors/daemon-error.ts';

/** `value`, unless the client left it out. */
export function required<T>(value: T | null | undefined, field: string): T {
  if (value === null || value === undefined) throw new DaemonError('invalid-argument', `${field} is missing`);
  return value;
}

/** `value`, which the client must not leave empty. */
export function nonEmpty(value: string, field: string): string {
  if (value === '') throw new DaemonError('invalid-argument', `${field} is empty`);
  return value;
}

/** What `table` has for an enum value's name; a value that is not in it is refused by field name. */
export function fromEnum<T>(table: Readonly<Record<string, T>>, value: string | number, field: string): T {
  const found = Object.hasOwn(table, value) ? table[value] : undefined;
  if (found === undefined) throw new DaemonError('invalid-argument', `${field} ${value} is not supported`);
  return found;
}

/** A 64-bit integer within the two bounds, both included. */
export function int64(text: string, field: string, [lowest, highest]: readonly [bigint, bigint]): bigint {
  const value = /^-?\d{1,20}$/.test(text) ? BigInt(text) : undefined;
  if (value === undefined || value < lowest || value > highest) {
    throw new DaemonError('invalid-argument', `${field} ${text} is not within ${lowest} and ${highest}`);
  }
  return value;
}

const idRange = [0n, 2n ** 31n - 1n] as const;

/** A user or group id: 0 to 2^31 - 1. */
export function accountId(text: string, field: string): number {
  return Number(int64(text, field, idRange));
}

/** The same of a wrapped id; undefined where the client left it out, which is not the id 0. */
export function optionalAccountId(
  value: { readonly value: string } | null | undefined,
  field: string,
): number | undefined {
  return value === null || value === undefined ? undefined : accountId(value.value, field);
}

/** `text` without control characters, which could end a line of a file that it is written to. */
export function singleLine(text: string, field: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text)) {
    throw new DaemonError('invalid-argument', `${field} holds a control character`);
  }
  return text;
}

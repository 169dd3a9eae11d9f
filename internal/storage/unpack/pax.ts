// PAX extended header records: `LENGTH KEY=VALUE\n`, LENGTH counting the whole record in bytes.

import { LayerError } from './layer-error.ts';

/** Parses a body; later records win. Keys and values are bytes in latin1 strings; an empty value means "not set". */
export function parsePaxRecords(body: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  let at = 0;
  while (at < body.length) {
    const space = body.indexOf(0x20, at);
    const digits = space < 0 ? '' : body.toString('latin1', at, space);
    const end = at + Number.parseInt(digits, 10);
    if (!/^[1-9][0-9]{0,7}$/.test(digits) || end > body.length || end <= space + 1) throw badRecord();
    if (body[end - 1] !== 0x0a) throw badRecord();
    const record = body.toString('latin1', space + 1, end - 1);
    const equals = record.indexOf('=');
    if (equals <= 0) throw badRecord();
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
    // A NUL in a key would cut the name of an extended attribute short, after it was looked at.
    if (key.includes('\0') || (value.includes('\0') && !key.startsWith('SCHILY.xattr.'))) throw badRecord();
    records.set(key, value);
    at = end;
  }
  return records;
}

/** A PAX time, seconds with a fraction of any length, in nanoseconds. */
export function parsePaxTime(value: string): bigint {
  const match = /^(-?)([0-9]{1,12})(?:\.([0-9]*))?$/.exec(value);
  if (match === null) throw badRecord();
  const [, sign, seconds = '0', fraction = ''] = match;
  const nanos = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
  return sign === '-' ? -nanos : nanos;
}

/** A PAX decimal number, not negative. */
export function parsePaxNumber(value: string): number {
  const number = Number(value);
  if (!/^[0-9]{1,16}$/.test(value) || !Number.isSafeInteger(number)) throw badRecord();
  return number;
}

function badRecord(): LayerError {
  return new LayerError('failed-precondition', 'is not a valid tar (bad PAX record)');
}

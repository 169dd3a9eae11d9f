// JSON with 64-bit integers: nanosecond times and byte counts do not fit a double. A bigint becomes {"$int": "digits"}.

import { isDeepStrictEqual } from 'node:util';

const key = '$int';

/** JSON text of `value`; bigints, at any depth, keep every digit. */
export function encodeJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'bigint' ? { [key]: part.toString() } : part,
  );
}

/** The value that `encodeJson` wrote; throws SyntaxError on torn text. */
export function decodeJson(text: string): unknown {
  return JSON.parse(text, (_, part: unknown) => {
    if (typeof part !== 'object' || part === null || !(key in part)) return part;
    const digits = (part as Record<string, unknown>)[key];
    return typeof digits === 'string' && /^-?\d+$/.test(digits) ? BigInt(digits) : part;
  });
}

/** Tells whether two values are the same once written and read: order of keys and absent against undefined do not count. */
export function equalAsJson(left: unknown, right: unknown): boolean {
  return isDeepStrictEqual(decodeJson(encodeJson(left)), decodeJson(encodeJson(right)));
}

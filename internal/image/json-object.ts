// JSON documents of images: read once, then looked at field by field.

import { DaemonError } from '../errors/daemon-error.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** True for an object that is neither null nor a list. */
export function isRecord(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The document's object; `failed-precondition` naming `what` when it is not UTF-8, not JSON or no object. */
export function parseJsonObject(bytes: Uint8Array, what: string): JsonObject {
  const value = parseJson(bytes, what);
  if (!isRecord(value))
    throw new DaemonError('failed-precondition', `the image's ${what} is not a JSON object`);
  return value;
}

/** Like `parseJsonObject`, for any JSON value. */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new DaemonError('failed-precondition', `the image's ${what} is not valid JSON`, cause);
  }
}

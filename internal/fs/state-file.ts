// Versioned JSON records on disk: the one way in which the daemon keeps its state.

import { atomicWrite } from './atomic-write.ts';
import { decodeJson, encodeJson } from './bigint-json.ts';
import { readTextIfThere } from './read-text.ts';

export interface StateFile<T> {
  /** Replaces the record; whole or not at all. */
  write(path: string, value: T): Promise<void>;
  /**
   * The record, or undefined when there is no file.
   *
   * Throws StateFileError when the file is torn or of another shape, and UnknownVersionError when another version of this
   * program wrote it: such a record is good, and whoever meets it must leave it and what it stands for alone.
   */
  read(path: string): Promise<T | undefined>;
}

/** A record that cannot be used; the message names the file and what is wrong with it. */
export class StateFileError extends Error {
  override readonly name = 'StateFileError';
}

/** A record of another version of this program; the message names the file and both versions. */
export class UnknownVersionError extends Error {
  override readonly name = 'UnknownVersionError';
}

export interface StateFileForm<T> {
  readonly version: number;
  readonly durable: boolean;
  /** Checks the shape; throws an Error whose message says what is wrong. Unknown fields are let through. */
  parse(value: Record<string, unknown>): T;
}

/** Makes reader and writer for one kind of record. */
export function stateFile<T extends object>(form: StateFileForm<T>): StateFile<T> {
  return {
    async write(path, value) {
      const text = `${encodeJson({ version: form.version, ...value })}\n`;
      await atomicWrite(path, text, { durable: form.durable });
    },
    async read(path) {
      const text = await readTextIfThere(path);
      if (text === undefined) return undefined;
      try {
        return parseRecord(text, form);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        if (cause instanceof UnknownVersionError) throw new UnknownVersionError(`${path}: ${why}`);
        throw new StateFileError(`${path}: ${why}`, { cause });
      }
    },
  };
}

/** For `parse`: throws when one of the fields is not there as text. */
export function requireTexts(value: Record<string, unknown>, fields: readonly string[]): void {
  for (const field of fields) if (typeof value[field] !== 'string') throw new Error(`${field} is missing`);
}

function parseRecord<T>(text: string, form: StateFileForm<T>): T {
  const value = decodeJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('not a JSON object');
  const record = value as Record<string, unknown>;
  const version = record['version'];
  if (!Number.isInteger(version)) throw new Error('version is missing');
  if (version !== form.version)
    throw new UnknownVersionError(`version ${String(version)}, expected ${form.version}`);
  return form.parse(record);
}

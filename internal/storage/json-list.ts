// The file of one list: an array of records with ids, read whole and replaced whole.

import { readFile } from 'node:fs/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import { writeAndRename } from '../fs/atomic-write.ts';
import type { Logger } from '../log/logger.ts';
import { isFragile, partsOf, stringifyLike } from './json-source.ts';
import { temporaryPath } from './store-paths.ts';

/** What every record has; all else is the business of the list's own file. */
export interface StoreRecord {
  id: string;
  names?: string[] | null;
}

export interface JsonList<R extends StoreRecord> {
  readonly records: Map<string, R>;
  /** The text of records that would not come back the same from their values, by id. */
  readonly sources: ReadonlyMap<string, string>;
}

interface ReadOptions {
  /** Volatile files are never synced: after a power loss they may be torn, and what they named is gone anyway. */
  readonly mayBeTorn: boolean;
  readonly logger: Logger;
}

/** The list in a file; empty when there is none. */
export async function readList<R extends StoreRecord>(
  path: string,
  { mayBeTorn, logger }: ReadOptions,
): Promise<JsonList<R>> {
  const empty = { records: new Map(), sources: new Map() };
  const unreadable = (cause: unknown): DaemonError =>
    new DaemonError('internal', `store file "${path}" cannot be read`, cause);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (isENOENT(cause)) return empty;
    throw unreadable(cause); // it may be whole: taken for empty, it would be written so
  }
  try {
    return parseList<R>(text);
  } catch (cause) {
    if (!mayBeTorn) throw unreadable(cause);
    logger.warn({ path, err: cause }, 'ignored a torn volatile store file');
    return empty;
  }
}

/** Replaces the file: a reader sees the old list or the new one. On failure the old one stays. */
export async function writeList<R extends StoreRecord>(
  path: string,
  { records, sources }: JsonList<R>,
  { durable }: { readonly durable: boolean },
): Promise<void> {
  const items = [...records.values()].map((record) => stringifyLike(record, sources.get(record.id)));
  await writeAndRename(temporaryPath(path), path, `[${items.join(',')}]`, { durable });
}

function parseList<R extends StoreRecord>(text: string): JsonList<R> {
  const records = new Map<string, R>();
  const sources = new Map<string, string>();
  const value: unknown = text === '' ? null : JSON.parse(text);
  if (value === null) return { records, sources };
  if (!Array.isArray(value)) throw new Error('not a JSON array');
  const parts = isFragile(text) ? partsOf(text) : [];
  for (const [at, item] of value.entries()) {
    if (typeof item !== 'object' || item === null) continue;
    const { id } = item as { id?: unknown };
    // An id becomes a path; one that is not an id names nothing of ours.
    if (typeof id !== 'string' || !/^[0-9a-zA-Z_.-]+$/.test(id) || id.startsWith('.')) continue;
    records.set(id, item as R);
    const source = parts[at]?.source;
    if (source !== undefined) sources.set(id, source);
  }
  return { records, sources };
}

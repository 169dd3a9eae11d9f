// One of the store's three lists (layers, images, containers): JSON on disk, shared with other tools, and its copy in
// memory. Records are kept as the objects that were read, so that fields we do not know survive our rewriting.

import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { open, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import type { Logger } from '../log/logger.ts';
import type { LockMode } from '../sys/file-lock.ts';
import { type HeldLock, StoreLock } from './store-lock.ts';

/** What every record has; all else is the business of the list's own file. */
export interface StoreRecord {
  id: string;
  names?: string[] | null;
}

/** Stable records are synced to disk; volatile ones belong to containers, which a power loss ends anyway. */
export type RecordPlace = 'stable' | 'volatile';
const places: readonly RecordPlace[] = ['stable', 'volatile'];

export interface RecordFileOptions {
  readonly directory: string;
  /** `layers` gives layers.json, volatile-layers.json and layers.lock. */
  readonly noun: string;
  /** layers.json is also changed by tools that leave the token alone: then its mtime counts too. */
  readonly watchTimes: boolean;
  readonly logger: Logger;
  readonly closing: AbortSignal;
}

/** The list while its lock is held. */
export interface OpenRecords<R extends StoreRecord> {
  get(id: string): R | undefined;
  all(): readonly R[];
  /** Adds or replaces a record; a name that another record has is taken from it. Nothing is on disk before `save`. */
  put(place: RecordPlace, record: R): void;
  delete(id: string): void;
  placeOf(id: string): RecordPlace;
  /** Writes the token, then each changed file. */
  save(): Promise<void>;
}

export class RecordFile<R extends StoreRecord> {
  readonly #options: RecordFileOptions;
  readonly #lock: StoreLock;
  #records: Record<RecordPlace, Map<string, R>> = { stable: new Map(), volatile: new Map() };
  #seenToken: Buffer | undefined;
  #seenTimes = '';
  #generation = 0;

  constructor(options: RecordFileOptions) {
    this.#options = options;
    this.#lock = new StoreLock(join(options.directory, `${options.noun}.lock`), options.closing);
  }

  /** Rises whenever the list in memory may have changed: what is computed from it is then stale. */
  get generation(): number {
    return this.#generation;
  }

  get(id: string): R | undefined {
    return this.#records.stable.get(id) ?? this.#records.volatile.get(id);
  }

  all(): R[] {
    return [...this.#records.stable.values(), ...this.#records.volatile.values()];
  }

  /** Runs `body` under the lock, on a list that is as on disk. If it throws, unsaved changes are forgotten. */
  async locked<T>(mode: LockMode, body: (records: OpenRecords<R>) => Promise<T>): Promise<T> {
    return this.#lock.hold(mode, async (held) => {
      if (this.#isStale(held.readToken())) await this.#load(held.readToken());
      const dirty = new Set<RecordPlace>();
      try {
        return await body(this.#open(held, dirty));
      } finally {
        if (dirty.size > 0) {
          this.#seenToken = undefined;
          await this.#load(held.readToken());
        }
      }
    });
  }

  /** Reads the list again if another tool wrote it; costs one small read when none did. */
  async refresh(): Promise<void> {
    if (!this.#isStale(this.#lock.peekToken())) return;
    await this.locked('read', async () => {});
  }

  #isStale(token: Buffer): boolean {
    if (this.#seenToken === undefined || !this.#seenToken.equals(token)) return true;
    return this.#options.watchTimes && this.#times() !== this.#seenTimes;
  }

  #path(place: RecordPlace): string {
    const { directory, noun } = this.#options;
    return join(directory, place === 'stable' ? `${noun}.json` : `volatile-${noun}.json`);
  }

  #times(): string {
    return places
      .map((place) => {
        const stat = statSync(this.#path(place), { bigint: true, throwIfNoEntry: false });
        return stat === undefined ? '-' : `${stat.mtimeNs}:${stat.ino}`;
      })
      .join(' ');
  }

  async #load(token: Buffer): Promise<void> {
    const times = this.#times();
    const [stable, vol] = await Promise.all(places.map((place) => this.#read(place)));
    this.#records = { stable: stable ?? new Map(), volatile: vol ?? new Map() };
    this.#seenToken = token;
    this.#seenTimes = times;
    this.#generation += 1;
  }

  async #read(place: RecordPlace): Promise<Map<string, R>> {
    const path = this.#path(place);
    try {
      return parseRecords<R>(await readFile(path, 'utf8'));
    } catch (cause) {
      if (isENOENT(cause)) return new Map();
      // Volatile files are never synced: after a power loss they may be torn, and what they named is gone anyway.
      if (place === 'stable') throw new DaemonError('internal', `store file "${path}" cannot be read`, cause);
      this.#options.logger.warn({ path, err: cause }, 'ignored a torn volatile store file');
      return new Map();
    }
  }

  #open(held: HeldLock, dirty: Set<RecordPlace>): OpenRecords<R> {
    const records = this.#records;
    const placeOf = (id: string): RecordPlace => (records.volatile.has(id) ? 'volatile' : 'stable');
    const replace = (place: RecordPlace, record: R): void => {
      records[place].set(record.id, record);
      dirty.add(place);
      this.#generation += 1;
    };
    return {
      get: (id) => this.get(id),
      all: () => this.all(),
      placeOf,
      put: (place, record) => {
        const taken = new Set(record.names ?? []);
        for (const other of taken.size === 0 ? [] : this.all()) {
          if (other.id === record.id || !other.names?.some((name) => taken.has(name))) continue;
          replace(placeOf(other.id), { ...other, names: other.names.filter((name) => !taken.has(name)) });
        }
        replace(place, record);
      },
      delete: (id) => {
        const place = placeOf(id);
        if (records[place].delete(id)) dirty.add(place);
        this.#generation += 1;
      },
      save: async () => {
        if (dirty.size === 0) return;
        this.#seenToken = held.writeToken();
        for (const place of dirty) await this.#write(place);
        this.#seenTimes = this.#times();
        dirty.clear();
      },
    };
  }

  async #write(place: RecordPlace): Promise<void> {
    const path = this.#path(place);
    const temporary = join(
      this.#options.directory,
      `.tmp-${this.#options.noun}.json${randomBytes(6).toString('hex')}`,
    );
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(JSON.stringify([...this.#records[place].values()]));
        if (place === 'stable') await file.datasync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (cause) {
      await unlink(temporary).catch(() => {});
      throw cause;
    }
  }
}

function parseRecords<R extends StoreRecord>(text: string): Map<string, R> {
  if (text === '') return new Map();
  const value: unknown = JSON.parse(text);
  if (value === null) return new Map();
  if (!Array.isArray(value)) throw new Error('not a JSON array');
  const records = new Map<string, R>();
  for (const item of value) {
    if (typeof item !== 'object' || item === null) continue;
    const { id } = item as { id?: unknown };
    // An id becomes a path; one that is not an id names nothing of ours.
    if (typeof id === 'string' && /^[0-9a-zA-Z_.-]+$/.test(id) && !id.startsWith('.'))
      records.set(id, item as R);
  }
  return records;
}

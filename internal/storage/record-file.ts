// One of the store's three lists (layers, images, containers): JSON on disk, shared with other tools, and its copy in
// memory. What we do not know in it survives our rewriting, to the letter.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isDiskFull } from '../errors/errno.ts';
import type { Logger } from '../log/logger.ts';
import type { LockMode } from '../sys/file-lock.ts';
import { type JsonList, readList, type StoreRecord, writeList } from './json-list.ts';
import type { SpaceReserve } from './space-reserve.ts';
import { type Held, type HeldLock, StoreLock } from './store-lock.ts';

/**
 * Where a record is written. Stable records are synced to disk; volatile ones belong to containers, which a power loss
 * ends anyway; `image` is the list of image layers in a store whose images lie in a directory of their own.
 */
export type RecordPlace = 'stable' | 'volatile' | 'image';

export interface RecordFileOptions {
  readonly directory: string;
  /** `layers` gives layers.json, volatile-layers.json and layers.lock. */
  readonly noun: string;
  /** Where the volatile list is, if not in `directory`: the run directory, with transient_store. */
  readonly volatileDirectory?: string | undefined;
  /** Where the list `image` is, which has a lock of its own, taken after the first. */
  readonly imageDirectory?: string | undefined;
  /** Space for the list on a full disk. */
  readonly reserves?: readonly SpaceReserve[];
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

/** Older tools keep a lock for minutes; a read without it is repeated this often while they write. */
const readAttempts = 3;

export class RecordFile<R extends StoreRecord> {
  readonly #logger: Logger;
  readonly #reserves: readonly SpaceReserve[];
  readonly #paths: ReadonlyMap<RecordPlace, string>;
  readonly #locks: ReadonlyMap<RecordPlace, StoreLock>;
  #lists = new Map<RecordPlace, JsonList<R>>();
  #seen: string | undefined;
  #generation = 0;
  /** Rises with each holder of the lock in this process, which leads the memory from then on. */
  #turn = 0;
  #holders = 0;

  constructor(options: RecordFileOptions) {
    const { directory, noun, volatileDirectory, imageDirectory, logger, closing } = options;
    const lockIn = (folder: string): StoreLock =>
      new StoreLock(join(folder, `${noun}.lock`), logger, closing);
    this.#logger = logger;
    this.#reserves = options.reserves ?? [];
    this.#paths = new Map([
      ['stable', join(directory, `${noun}.json`)],
      ['volatile', join(volatileDirectory ?? directory, `volatile-${noun}.json`)],
      ...(imageDirectory === undefined ? [] : [['image', join(imageDirectory, `${noun}.json`)] as const]),
    ]);
    this.#locks = new Map([
      ['stable', lockIn(directory)],
      ...(imageDirectory === undefined ? [] : [['image', lockIn(imageDirectory)] as const]),
    ]);
  }

  /** Rises whenever the list in memory may have changed: what is computed from it is then stale. */
  get generation(): number {
    return this.#generation;
  }

  get(id: string): R | undefined {
    for (const list of this.#lists.values()) {
      const record = list.records.get(id);
      if (record !== undefined) return record;
    }
    return undefined;
  }

  all(): R[] {
    return [...this.#lists.values()].flatMap((list) => [...list.records.values()]);
  }

  placeOf(id: string): RecordPlace {
    return [...this.#lists].find(([, list]) => list.records.has(id))?.[0] ?? 'stable';
  }

  /** Runs `body` under the lock, on a list that is as on disk. If it throws, unsaved changes are forgotten. */
  async locked<T>(mode: LockMode, body: (records: OpenRecords<R>) => Promise<T>): Promise<T> {
    const [first, second] = [...this.#locks];
    if (first === undefined) throw new Error('a list without a lock');
    return first[1].hold(mode, (outer) => {
      if (second === undefined) return this.#holding(new Map([[first[0], outer]]), body);
      return second[1].hold(mode, (inner) =>
        this.#holding(
          new Map([
            [first[0], outer],
            [second[0], inner],
          ]),
          body,
        ),
      );
    });
  }

  /** The same for a list with one lock, unless another process keeps the lock for longer than `patienceMs`. */
  async lockedWithin<T>(
    mode: LockMode,
    patienceMs: number,
    body: (records: OpenRecords<R>) => Promise<T>,
  ): Promise<Held<T>> {
    const [first, second] = [...this.#locks];
    if (first === undefined) throw new Error('a list without a lock');
    const held = await first[1].holdWithin(mode, patienceMs, async (outer) => {
      if (second === undefined) return { value: await this.#holding(new Map([[first[0], outer]]), body) };
      return second[1].holdWithin(mode, patienceMs, (inner) =>
        this.#holding(
          new Map([
            [first[0], outer],
            [second[0], inner],
          ]),
          body,
        ),
      );
    });
    return held?.value;
  }

  /**
   * Reads the list again if another tool wrote it; costs a few stats when none did. It waits for no lock: the files are
   * replaced by rename, so each is whole at any time, and one that is written meanwhile is read again.
   */
  async refresh(): Promise<void> {
    for (let attempt = 0; attempt < readAttempts && this.#holders === 0; attempt += 1) {
      const stamp = this.#stamp();
      if (stamp === this.#seen) return;
      const turn = this.#turn;
      const lists = await this.#read();
      if (turn !== this.#turn) return;
      this.#adopt(lists, stamp);
    }
  }

  async #holding<T>(
    held: ReadonlyMap<RecordPlace, HeldLock>,
    body: (records: OpenRecords<R>) => Promise<T>,
  ): Promise<T> {
    this.#turn += 1;
    this.#holders += 1;
    try {
      await this.#loadIfStale();
      const dirty = new Set<RecordPlace>();
      try {
        return await body(this.#open(held, dirty));
      } finally {
        if (dirty.size > 0) {
          this.#seen = undefined;
          await this.#loadIfStale();
        }
      }
    } finally {
      this.#holders -= 1;
    }
  }

  async #loadIfStale(): Promise<void> {
    const stamp = this.#stamp();
    if (stamp !== this.#seen) this.#adopt(await this.#read(), stamp);
  }

  #adopt(lists: Map<RecordPlace, JsonList<R>>, stamp: string): void {
    this.#lists = lists;
    this.#seen = stamp;
    this.#generation += 1;
  }

  /** What changes with every write: by the token, which all writers set first, and by the files themselves. */
  #stamp(): string {
    const tokens = [...this.#locks.values()].map((lock) => lock.peekToken().toString('base64'));
    const files = [...this.#paths.values()].map((path) => {
      const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
      return stat === undefined ? '-' : `${stat.mtimeNs}:${stat.ino}:${stat.size}`;
    });
    return [...tokens, ...files].join(' ');
  }

  async #read(): Promise<Map<RecordPlace, JsonList<R>>> {
    const lists = [...this.#paths].map(async ([place, path]) => {
      const list = await readList<R>(path, { mayBeTorn: place === 'volatile', logger: this.#logger });
      return [place, list] as const;
    });
    return new Map(await Promise.all(lists));
  }

  #listAt(place: RecordPlace): JsonList<R> {
    const list = this.#lists.get(place);
    if (list === undefined) throw new Error(`this store has no list "${place}"`);
    return list;
  }

  #open(held: ReadonlyMap<RecordPlace, HeldLock>, dirty: Set<RecordPlace>): OpenRecords<R> {
    const replace = (place: RecordPlace, record: R): void => {
      this.#listAt(place).records.set(record.id, record);
      dirty.add(place);
      this.#generation += 1;
    };
    // What adds a record must not take the room that a removal needs: whoever has filled the disk would fill it, too.
    let isGrowing = false;
    return {
      get: (id) => this.get(id),
      all: () => this.all(),
      placeOf: (id) => this.placeOf(id),
      put: (place, record) => {
        const taken = new Set(record.names ?? []);
        for (const other of taken.size === 0 ? [] : this.all()) {
          if (other.id === record.id || !other.names?.some((name) => taken.has(name))) continue;
          replace(this.placeOf(other.id), {
            ...other,
            names: other.names.filter((name) => !taken.has(name)),
          });
        }
        if (this.get(record.id) === undefined) isGrowing = true;
        replace(place, record);
      },
      delete: (id) => {
        const place = this.placeOf(id);
        if (this.#listAt(place).records.delete(id)) dirty.add(place);
        this.#generation += 1;
      },
      save: async () => {
        if (dirty.size === 0) return;
        const write = (): Promise<void> => this.#write(held, dirty);
        await (isGrowing ? write() : this.#withReserve(write));
        isGrowing = false;
        this.#seen = this.#stamp();
        dirty.clear();
      },
    };
  }

  async #write(held: ReadonlyMap<RecordPlace, HeldLock>, dirty: ReadonlySet<RecordPlace>): Promise<void> {
    for (const place of dirty) (held.get(place) ?? held.get('stable'))?.writeToken();
    for (const place of dirty) {
      const path = this.#paths.get(place) ?? '';
      await writeList(path, this.#listAt(place), { durable: place !== 'volatile' });
    }
  }

  async #withReserve(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (cause) {
      if (!isDiskFull(cause)) throw cause;
      const released = await Promise.all(this.#reserves.map((reserve) => reserve.release()));
      if (!released.includes(true)) throw cause;
      await write();
    }
  }
}

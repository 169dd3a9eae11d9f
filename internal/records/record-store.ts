// The records of one kind (sandboxes, containers) in memory: by id, by unique id prefix, by unique name.

import { DaemonError } from '../errors/daemon-error.ts';
import { isIdPrefix } from './id.ts';

export interface NamedRecord {
  readonly id: string;
  /** Unique in the store. */
  readonly name: string;
}

/**
 * Keeps records and the names that running creations have reserved. Reads take no lock: a list is a copy of the
 * moment. A record becomes visible by `add`, all of it at once.
 */
export class RecordStore<T extends NamedRecord> {
  readonly #kind: string;
  readonly #byId = new Map<string, T>();
  readonly #idByName = new Map<string, string>();

  constructor(kind: string) {
    this.#kind = kind;
  }

  /** Takes `name` for `id`; `already-exists`, naming the owner, if it is taken. */
  reserve(name: string, id: string): void {
    const owner = this.#idByName.get(name);
    if (owner !== undefined) {
      const what = this.#byId.has(owner) ? 'is used by' : 'is being created as';
      throw new DaemonError('already-exists', `${this.#kind} name "${name}" ${what} "${owner}"`);
    }
    this.#idByName.set(name, id);
  }

  /** Gives a reserved name back; a name that another id owns stays. */
  release(name: string, id: string): void {
    if (this.#idByName.get(name) === id) this.#idByName.delete(name);
  }

  /** Makes a record visible and owner of its name. */
  add(record: T): void {
    this.#byId.set(record.id, record);
    this.#idByName.set(record.name, record.id);
  }

  /** Forgets a record and frees its name. */
  delete(record: T): void {
    this.#byId.delete(record.id);
    this.release(record.name, record.id);
  }

  /** The visible record of this name. */
  byName(name: string): T | undefined {
    const id = this.#idByName.get(name);
    return id === undefined ? undefined : this.#byId.get(id);
  }

  /** The record with this id or unique id prefix; undefined if none; `invalid-argument` if the prefix is ambiguous. */
  find(idOrPrefix: string): T | undefined {
    const exact = this.#byId.get(idOrPrefix);
    if (exact !== undefined || !isIdPrefix(idOrPrefix)) return exact;
    const found = [...this.#byId.values()].filter((record) => record.id.startsWith(idOrPrefix));
    if (found.length > 1) {
      throw new DaemonError('invalid-argument', `${this.#kind} id prefix "${idOrPrefix}" is ambiguous`);
    }
    return found[0];
  }

  /** Like `find`; `not-found` if there is none. */
  get(idOrPrefix: string): T {
    const record = this.find(idOrPrefix);
    if (record === undefined) throw new DaemonError('not-found', `${this.#kind} "${idOrPrefix}" not found`);
    return record;
  }

  /** All records, oldest first. */
  list(): T[] {
    return [...this.#byId.values()];
  }
}

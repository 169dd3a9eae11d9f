// Containers that were made while another tool held the store's locks for long, as tools before containers/storage 1.62
// do to unpack a layer. Each has its directory, in it a note of what its records are to be, and is entered in the lists as
// soon as the locks are free. A daemon that dies before finds the notes at its next start.

import { existsSync } from 'node:fs';
import { readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAbortError, isENOENT } from '../errors/errno.ts';
import { atomicWrite } from '../fs/atomic-write.ts';
import { listDirectory } from '../fs/directories.ts';
import { type ContainerRecord, guardIdOf, guardOf, isOwn, layerRecordOf } from './container-record.ts';
import type { LayerRecord } from './layer-records.ts';
import type { OpenRecords } from './record-file.ts';
import { isStoreId, type StorePaths } from './store-paths.ts';
import type { StoreState } from './store-state.ts';

/** In a layer's directory: the container's record to be. */
const noteName = 'cria-container.json';
/** In a layer's directory: the container is to be removed. */
const removalName = 'cria-removed';

/** A disk that is full, a list that another tool has torn: a person mends it, or the tool's next write does. */
const firstRetryMs = 1000;
const longestRetryMs = 5 * 60_000;

/** Whether the layer's directory is that of a container that waits to be entered. */
export function hasNote(home: StorePaths, layerId: string): boolean {
  return existsSync(join(home.layer(layerId), noteName));
}

export class UnlistedContainers {
  readonly #store: StoreState;
  readonly #closing: AbortSignal;
  readonly #waiting = new Map<string, ContainerRecord>();
  readonly #work = new Set<Promise<void>>();

  constructor(store: StoreState, closing: AbortSignal) {
    this.#store = store;
    this.#closing = closing;
  }

  get(containerId: string): ContainerRecord | undefined {
    return this.#waiting.get(containerId);
  }

  all(): readonly ContainerRecord[] {
    return [...this.#waiting.values()];
  }

  /** Notes a container whose layer's directory is whole, and enters it when the locks are free. */
  async add(record: ContainerRecord): Promise<void> {
    await atomicWrite(this.#notePath(record), JSON.stringify(record), { durable: false });
    this.#waiting.set(record.id, record);
    this.#store.logger.info(
      { containerId: record.id },
      'container is entered in the store when its lock is free',
    );
    this.later(() => this.enter());
  }

  /** Forgets a container that is to be removed; undefined when it is not one that waits. */
  drop(containerId: string): ContainerRecord | undefined {
    const record = this.#waiting.get(containerId);
    this.#waiting.delete(containerId);
    return record;
  }

  /** Runs what has to wait for a lock, in the background, and again, ever more seldom, until it succeeds or the store is closed. */
  later(work: () => Promise<void>): void {
    const running = this.#untilDone(work).finally(() => this.#work.delete(running));
    this.#work.add(running);
  }

  async #untilDone(work: () => Promise<void>): Promise<void> {
    for (let waitMs = firstRetryMs; !this.#closing.aborted; waitMs = Math.min(waitMs * 2, longestRetryMs)) {
      try {
        await work();
        return;
      } catch (cause) {
        if (this.#closing.aborted) return; // the next start does it
        const text = 'could not enter or remove a container of the image store; it is tried again';
        this.#store.logger.warn({ err: cause }, text);
      }
      await sleep(waitMs, undefined, { signal: this.#closing, ref: false }).catch((cause: unknown) => {
        if (!isAbortError(cause)) throw cause;
      });
    }
  }

  /** Resolves when nothing waits in the background; after closing that is soon. */
  async idle(): Promise<void> {
    await Promise.all(this.#work);
  }

  /** Notes that a listed container is to go, for a daemon that dies before the locks are free. */
  async noteRemoval(containerId: string): Promise<void> {
    const { paths, containers } = this.#store;
    const layer = containers.get(containerId)?.layer;
    if (layer === undefined || !isStoreId(layer)) return;
    await writeFile(join(paths.layer(layer), removalName), containerId).catch(ignoreMissing);
  }

  /** Takes in the notes that a daemon before this one left; the containers that it was to remove are returned. */
  async recover(): Promise<readonly string[]> {
    const { paths, containers } = this.#store;
    const leaving: string[] = [];
    for (const layerId of (await readdir(paths.overlay)).filter(isStoreId)) {
      const names = await listDirectory(paths.layer(layerId));
      if (names.includes(removalName)) {
        const owner = containers.all().find((container) => container.layer === layerId);
        if (owner !== undefined && isOwn(owner)) leaving.push(owner.id);
      }
      if (!names.includes(noteName)) continue;
      const record = await readNote(join(paths.layer(layerId), noteName));
      if (record === undefined || record.layer !== layerId || !isStoreId(record.id)) continue;
      if (containers.get(record.id) === undefined) this.#waiting.set(record.id, record);
    }
    if (this.#waiting.size > 0) this.later(() => this.enter());
    return leaving;
  }

  /** Enters all that wait. */
  async enter(): Promise<void> {
    if (this.#waiting.size === 0) return;
    const { layers, containers } = this.#store;
    await layers.locked('write', (openLayers) =>
      containers.locked('write', (records) => this.#enterAll(openLayers, records)),
    );
  }

  async #enterAll(layers: OpenRecords<LayerRecord>, records: OpenRecords<ContainerRecord>): Promise<void> {
    const entered = this.all();
    const { containerPlace: place } = this.#store;
    for (const record of entered) {
      const layer = layerRecordOf(record);
      if (layer !== undefined) layers.put(place, layer);
    }
    await layers.save();
    for (const record of entered) {
      records.put(place, record);
      records.put(place, guardOf(record));
    }
    await records.save();
    for (const record of entered) {
      if (this.#waiting.delete(record.id)) await unlink(this.#notePath(record)).catch(ignoreMissing);
      else await this.#takeBack(layers, records, record); // it was removed meanwhile
    }
  }

  async #takeBack(
    layers: OpenRecords<LayerRecord>,
    records: OpenRecords<ContainerRecord>,
    record: ContainerRecord,
  ): Promise<void> {
    records.delete(record.id);
    records.delete(guardIdOf(record.id));
    await records.save();
    layers.delete(record.layer ?? '');
    await layers.save();
  }

  #notePath({ layer = '' }: ContainerRecord): string {
    return join(this.#store.paths.layer(layer), noteName);
  }
}

async function readNote(path: string): Promise<ContainerRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(path, 'utf8')) as ContainerRecord;
    return isOwn(record) ? record : undefined;
  } catch {
    return undefined; // torn by a power loss, which ended the container too
  }
}

function ignoreMissing(cause: unknown): void {
  if (!isENOENT(cause)) throw cause;
}

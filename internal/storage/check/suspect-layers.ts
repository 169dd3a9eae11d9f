// Layers whose content a power loss may have taken. They are on disk until each is found good: the marks of the run tell of a
// power loss only the first start after it, so a check that a stop or a crash has cut, and what one has found, would be forgotten.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError } from '../../errors/daemon-error.ts';
import { isDiskFull } from '../../errors/errno.ts';
import { type StateFile, StateFileError, stateFile, UnknownVersionError } from '../../fs/state-file.ts';
import { type LayerRecord, ownFlag } from '../layer-records.ts';
import type { StoreState } from '../store-state.ts';
import type { Fault } from './layer-files.ts';

interface Suspect {
  readonly id: string;
  /** A layer that was stored anew has another one, and is no suspect. */
  readonly created?: string | undefined;
  /** What the last check has found: it counts as absent until a later one finds it good. */
  readonly reason?: string | undefined;
}

const suspectsFile: StateFile<{ readonly layers: readonly Suspect[] }> = stateFile({
  version: 1,
  durable: true,
  parse: ({ layers }) => {
    if (!Array.isArray(layers)) throw new Error('layers are missing');
    for (const layer of layers as unknown[]) requireSuspect(layer);
    return { layers: layers as Suspect[] };
  },
});

/** The kernel writes what is older than 30 s; a busy disk may be a while behind. */
const recentMs = 10 * 60_000;

export class SuspectLayers {
  readonly #store: StoreState;
  readonly #path: string;
  readonly #suspects = new Map<string, Suspect>();
  /** False when another version's file is there, which is left alone. */
  #isWritable = true;

  private constructor(store: StoreState) {
    this.#store = store;
    this.#path = join(store.paths.graphRoot, 'cria-suspect-layers.json');
  }

  /**
   * What earlier runs left unchecked or found broken and, after a power loss, what other tools stored last before it: they
   * sync nothing. When this resolves it is on disk, unless that is full, and what was found broken is put aside.
   */
  static async open(store: StoreState, lostPower: boolean): Promise<SuspectLayers> {
    const suspects = new SuspectLayers(store);
    const isUnreadable = !(await suspects.#read());
    if (lostPower || isUnreadable) suspects.#addRecent();
    try {
      await suspects.#save();
    } catch (cause) {
      if (!isDiskFull(cause)) throw cause; // on a full disk the daemon must start, for the kubelet to free space
      const what = 'no space to note which layers are to be checked: a check that is cut is not repeated';
      store.logger.warn({ error: describeError(cause) }, what);
    }
    return suspects;
  }

  /** The records of all that are to be checked. */
  records(): LayerRecord[] {
    return [...this.#suspects.values()].flatMap((suspect) => this.#recordOf(suspect) ?? []);
  }

  /** Takes in the faults that a check has found; undefined for a layer that cannot be checked, which stays what it is. */
  async settle(record: LayerRecord, faults: readonly Fault[] | undefined): Promise<void> {
    const suspect = this.#suspects.get(record.id);
    if (suspect === undefined || (faults === undefined && suspect.reason !== undefined)) return;
    const { broken, logger } = this.#store;
    const reason = faults?.find(({ cure }) => cure === 'remove')?.reason;
    if (reason !== undefined && this.#recordOf(suspect) !== undefined) {
      this.#suspects.set(record.id, { ...suspect, reason });
      broken.addLayer(record);
      const what =
        'damage after a power loss, put aside: images on it are not listed until they are pulled again';
      logger.warn({ layerId: record.id, reason }, what);
    } else {
      this.#suspects.delete(record.id);
      if (suspect.reason !== undefined) broken.mendedLayer(record.id);
    }
    await this.#save();
  }

  /** False when the file cannot be read: then nobody knows which layers it named. */
  async #read(): Promise<boolean> {
    try {
      const { layers } = (await suspectsFile.read(this.#path)) ?? { layers: [] };
      for (const suspect of layers) {
        const record = this.#recordOf(suspect);
        if (record === undefined) continue; // removed or stored anew meanwhile
        this.#suspects.set(suspect.id, suspect);
        if (suspect.reason !== undefined) this.#store.broken.addLayer(record);
      }
      return true;
    } catch (cause) {
      if (cause instanceof UnknownVersionError) this.#isWritable = false;
      else if (!(cause instanceof StateFileError)) throw cause;
      const what =
        'the list of layers to check is unreadable; those that were stored last are checked instead';
      this.#store.logger.warn({ error: describeError(cause) }, what);
      return false;
    }
  }

  #addRecent(): void {
    const all = this.#store.layers.all();
    const newest = Math.max(...all.map(createdAt));
    for (const layer of all) {
      if (layer.flags?.[ownFlag] === true || createdAt(layer) < newest - recentMs) continue;
      if (!this.#suspects.has(layer.id))
        this.#suspects.set(layer.id, { id: layer.id, created: layer.created });
    }
  }

  #recordOf({ id, created }: Suspect): LayerRecord | undefined {
    const record = this.#store.layers.get(id);
    return record?.created === created ? record : undefined;
  }

  async #save(): Promise<void> {
    if (!this.#isWritable) return;
    const layers = [...this.#suspects.values()];
    if (layers.length === 0) return rm(this.#path, { force: true });
    try {
      await suspectsFile.write(this.#path, { layers });
    } catch (cause) {
      if (!isDiskFull(cause)) throw cause;
      for (const reserve of this.#store.reserves) await reserve.release();
      await suspectsFile.write(this.#path, { layers });
    }
  }
}

function createdAt({ created }: LayerRecord): number {
  return Date.parse(created ?? '') || 0;
}

function requireSuspect(value: unknown): void {
  const { id, created, reason } = (value ?? {}) as Record<string, unknown>;
  if (typeof id !== 'string') throw new Error('a layer has no id');
  for (const text of [created, reason])
    if (text !== undefined && typeof text !== 'string') throw new Error(`layer "${id}" is of another shape`);
}

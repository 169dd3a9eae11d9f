// The ids of user namespaces that the node chooses, for pods whose annotation asks for one. What a pod has is in its record:
// nothing else is kept, and a removed pod's ids are free.

import { KeyedLock } from '../async/keyed-lock.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import {
  type IdMap,
  type IdMaps,
  type IdPiece,
  type IdRange,
  type IdRanges,
  joinRanges,
  outsideRanges,
} from '../sys/id-maps.ts';
import { composeIdMap, countNeeded } from './compose-id-map.ts';
import { lowestFree } from './free-ids.ts';
import { readSubordinateIds, type SubordinateFiles, subordinateFiles } from './subordinate-ids.ts';
import type { UsernsMode } from './userns-mode.ts';

/** Chooses ids for pods whose annotation asks for a user namespace, one choice after the other. */
export class AutomaticIds {
  readonly #user: string;
  readonly #files: SubordinateFiles;
  readonly #turn = new KeyedLock();
  /** Of sandboxes that are being made, which have no record in the store yet. */
  readonly #claims = new Map<string, IdMaps>();

  /** From the ranges that the files give to `user`; they are read for each choice, so that a line may be added at any time. */
  constructor(user: string, files: SubordinateFiles = subordinateFiles) {
    this.#user = user;
    this.#files = files;
  }

  /**
   * The ids of the mode: for those that do not stand for certain ones of the host, the lowest that neither `used` nor a
   * sandbox that is being made has. They are the sandbox's until `settle`: by then its record says so, or it is gone.
   * `failed-precondition` where there are none.
   */
  async choose(sandboxId: string, mode: UsernsMode, used: () => Promise<IdRanges>): Promise<IdMaps> {
    return this.#turn.run('', async () => {
      const listed = await used();
      const claimed = [...this.#claims.values()].map(outsideRanges);
      const { uids, gids } = joinRanges([listed, ...claimed]);
      const idMaps = {
        uids: await this.#map(this.#files.uids, uids, mode.size, mode.uids),
        gids: await this.#map(this.#files.gids, gids, mode.size, mode.gids),
      };
      this.#claims.set(sandboxId, idMaps);
      return idMaps;
    });
  }

  /** Ids that the kubelet has chosen: nobody gets them meanwhile. */
  claim(sandboxId: string, idMaps: IdMaps): void {
    this.#claims.set(sandboxId, idMaps);
  }

  settle(sandboxId: string): void {
    this.#claims.delete(sandboxId);
  }

  async #map(
    path: string,
    used: readonly IdRange[],
    size: number,
    fixed: readonly IdPiece[],
  ): Promise<IdMap> {
    const ranges = await readSubordinateIds(path, this.#user);
    const needed = countNeeded(size, fixed);
    const ofHost = fixed.map(({ outside, length }) => ({ first: outside, length }));
    const first = needed === 0 ? 0 : lowestFree(ranges, [...used, ...ofHost], needed);
    if (first !== undefined) return composeIdMap(size, fixed, first);
    const why =
      ranges.length === 0
        ? `${path} has no line for user "${this.#user}"; add one, such as "${this.#user}:2000000000:6553600"`
        : `of the ids of user "${this.#user}" in ${path} no ${needed} in one piece are free; give it more or remove pods`;
    throw new DaemonError('failed-precondition', `the user namespace of the pod cannot be made: ${why}`);
  }
}

// The ids of user namespaces that the node chooses, for pods whose annotation asks for one. What a pod has is in its record:
// nothing else is kept, and a removed pod's ids are free.

import { KeyedLock } from '../async/keyed-lock.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import { type IdMaps, type IdRange, type IdRanges, joinRanges, outsideRanges } from '../sys/id-maps.ts';
import { lowestFree } from './free-ids.ts';
import { readSubordinateIds, type SubordinateFiles, subordinateFiles } from './subordinate-ids.ts';

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
   * The lowest `size` ids that neither `used` nor a sandbox that is being made has. They are the sandbox's until `settle`, by
   * which its record says so, or it is gone. `failed-precondition` where there are none.
   */
  async choose(sandboxId: string, size: number, used: () => Promise<IdRanges>): Promise<IdMaps> {
    return this.#turn.run('', async () => {
      const listed = await used();
      const claimed = [...this.#claims.values()].map(outsideRanges);
      const { uids, gids } = joinRanges([listed, ...claimed]);
      const idMaps = {
        uids: { inside: 0, outside: await this.#free(this.#files.uids, uids, size), length: size },
        gids: { inside: 0, outside: await this.#free(this.#files.gids, gids, size), length: size },
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

  async #free(path: string, used: readonly IdRange[], size: number): Promise<number> {
    const ranges = await readSubordinateIds(path, this.#user);
    const first = lowestFree(ranges, used, size);
    if (first !== undefined) return first;
    const text =
      ranges.length === 0
        ? `the user namespace of the pod cannot be made: ${path} has no line for user "${this.#user}"; add one, such as "${this.#user}:2000000000:6553600"`
        : `the user namespace of the pod cannot be made: of the ids of user "${this.#user}" in ${path} no ${size} in one piece are free; give it more or remove pods`;
    throw new DaemonError('failed-precondition', text);
  }
}

// Containers on whose CPUs the scheduler moves no tasks about: their cgroups leave its scheduling domains. With cgroup v1 by
// cpuset.sched_load_balance (cpuset(7)), with v2 by an isolated partition (Documentation/admin-guide/cgroup-v2.rst, "Cpuset").

import { join } from 'node:path';
import type { Logger } from '../log/logger.ts';
import { isDirectory, readValue, writeValue } from './node-files.ts';
import { reachPartitions } from './partitions.ts';
import type { TunedSetting } from './tuned-setting.ts';
import { type CgroupDirectories, ownCpusCgroup, type TuningClaim } from './tuning.ts';
import type { TuningRound } from './tuning-round.ts';

const balance = 'cpuset.sched_load_balance';

export class LoadBalancing implements TunedSetting {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  concerns({ unbalanced }: TuningClaim): boolean {
    return unbalanced !== undefined;
  }

  async reach(round: TuningRound): Promise<undefined> {
    const wanting = round.claims.flatMap((claim) => {
      const { unbalanced, shared, cpus } = claim;
      if (unbalanced === undefined) return [];
      const hasPart = shared !== undefined && unbalanced.version === 2;
      const own = hasPart ? [...unbalanced.own, ownCpusCgroup(unbalanced.own)] : unbalanced.own;
      return [{ ...unbalanced, own, cpus, forFresh: claim === round.fresh }];
    });
    for (const place of wanting.filter(({ version }) => version === 1))
      await round.step(place.forFresh, () => this.#leave(place));
    await reachPartitions(
      round,
      wanting.filter(({ version }) => version === 2),
    );
  }

  /** There is nothing to give back: the cgroups go with the container. */
  async #leave({ root, above, own }: CgroupDirectories): Promise<void> {
    for (const directory of own) {
      const file = join(directory, balance);
      if ((await readValue(file)) === '0') continue;
      try {
        await writeValue(file, '0');
      } catch (cause) {
        if (!(await isDirectory(directory))) continue; // the container has ended
        throw cause;
      }
      await this.#warnOfParents([root, ...above]);
    }
  }

  /** Whoever owns the cgroups above must do the same there: the kernel takes the sets of all cgroups together. */
  async #warnOfParents(directories: readonly string[]): Promise<void> {
    for (const directory of directories) {
      if ((await readValue(join(directory, balance))) !== '1') continue;
      const text = `load balancing goes on in a cgroup above a container that wants none: set ${balance} to 0 there`;
      this.#logger.warn({ path: directory }, text);
      return;
    }
  }
}

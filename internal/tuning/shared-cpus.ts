// Containers that use shared CPUs beside their own: the quotas of container and pod are raised by what these add, and with
// cgroup v2 there is a cgroup below the container's for what is to run on its own ones only. The cpuset comes with the spec.

import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isEEXIST, isENOENT } from '../errors/errno.ts';
import { type CpuQuota, quotaFile, readQuota, writeQuota } from './cpu-quota-file.ts';
import { cpusIn, noCpus, parseCpuList } from './cpu-set.ts';
import { isDirectory, readValue, writeValue } from './node-files.ts';
import type { TunedSetting } from './tuned-setting.ts';
import { type CgroupDirectories, ownCpusCgroup, type TuningClaim } from './tuning.ts';
import type { RaisedQuota, TuningStore } from './tuning-state.ts';

/** A quota as it is, and as it shall be. */
interface Change {
  readonly file: string;
  readonly now: CpuQuota;
  readonly base: number;
  readonly target: number;
}

export class SharedCpus implements TunedSetting {
  async reach(store: TuningStore, claims: readonly TuningClaim[]): Promise<undefined> {
    for (const { shared, cpus } of claims)
      if (shared?.cpuset.version === 2) await makeOwnCpusCgroup(shared.cpuset, cpus);
    const changes = await plan(store.state.quotas, sharesByFile(claims));
    await store.save({ quotas: noted(changes, store.state.quotas) });
    const byDepth = [...changes].sort((a, b) => a.file.length - b.file.length);
    // With cgroup v1 no quota may be larger than that of the cgroup above.
    for (const { file, now, target } of [...byDepth].reverse())
      if (target < (now.quota ?? 0)) await writeQuota(file, target, now.period);
    for (const { file, now, target } of byDepth)
      if (target > (now.quota ?? 0)) await writeQuota(file, target, now.period);
    const raised = changes.filter(({ base, target }) => target !== base);
    await store.forget({ quotas: noted(raised, {}) });
  }
}

/** How many CPUs the claims add in each file. */
function sharesByFile(claims: readonly TuningClaim[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const { shared, cpus } of claims) {
    if (shared === undefined) continue;
    const added = (parseCpuList(shared.cpus) ?? noCpus) & ~(parseCpuList(cpus) ?? noCpus);
    for (const directory of [...shared.cpu.above.slice(-1), ...shared.cpu.own]) {
      const file = quotaFile(shared.cpu.version, directory);
      found.set(file, (found.get(file) ?? 0) + cpusIn(added).length);
    }
  }
  return found;
}

/** What is without a limit stays so, and what is gone needs nothing. A value that is not ours is a new one of the kubelet's. */
async function plan(
  raised: Readonly<Record<string, RaisedQuota>>,
  shares: ReadonlyMap<string, number>,
): Promise<Change[]> {
  const changes: Change[] = [];
  for (const file of new Set([...Object.keys(raised), ...shares.keys()])) {
    const now = await readQuota(file);
    if (now?.quota === undefined) continue;
    const before = raised[file];
    const base = before?.written.includes(now.quota) ? before.original : now.quota;
    changes.push({ file, now, base, target: base + (shares.get(file) ?? 0) * now.period });
  }
  return changes;
}

/** A quota that a daemon has written before it died counts as ours too. */
function noted(
  changes: readonly Change[],
  before: Readonly<Record<string, RaisedQuota>>,
): Record<string, RaisedQuota> {
  return Object.fromEntries(
    changes.map(({ file, base, target }) => {
      const earlier = before[file]?.original === base ? (before[file]?.written ?? []) : [];
      return [file, { original: base, written: [...new Set([...earlier, target])] }];
    }),
  );
}

/** The container itself moves there what is to run on its own CPUs only. It goes with the container's cgroup. */
async function makeOwnCpusCgroup({ own }: CgroupDirectories, cpus: string): Promise<void> {
  const directory = ownCpusCgroup(own);
  try {
    await mkdir(directory);
  } catch (cause) {
    if (isENOENT(cause)) return; // the container has ended
    if (!isEEXIST(cause)) throw cause;
  }
  const parent = dirname(directory);
  const controllers = (await readValue(join(parent, 'cgroup.subtree_control')))?.split(' ') ?? [];
  if (!controllers.includes('cpuset'))
    await writeValue(join(parent, 'cgroup.subtree_control'), '+cpu +cpuset');
  const file = join(directory, 'cpuset.cpus');
  if ((await readValue(file)) !== cpus && (await isDirectory(directory))) await writeValue(file, cpus);
}

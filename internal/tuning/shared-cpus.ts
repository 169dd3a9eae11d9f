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
import type { TuningRound } from './tuning-round.ts';
import type { RaisedQuota } from './tuning-state.ts';

/** A quota as it is, and as it shall be. */
interface Change {
  readonly file: string;
  readonly now: CpuQuota;
  readonly base: number;
  readonly target: number;
}

export class SharedCpus implements TunedSetting {
  concerns({ shared }: TuningClaim): boolean {
    return shared !== undefined;
  }

  async reach(round: TuningRound): Promise<undefined> {
    const { store, claims, fresh } = round;
    for (const claim of claims) {
      const { shared, cpus } = claim;
      if (shared?.cpuset.version === 2)
        await round.step(claim === fresh, () => makeOwnCpusCgroup(shared.cpuset, cpus));
    }
    const ofFresh = sharesByFile(fresh === undefined ? [] : [fresh]);
    const { changes, unread } = await planAll(round, ofFresh);
    await store.save({ quotas: { ...unread, ...noted(changes, store.state.quotas) } });
    const byDepth = [...changes].sort((a, b) => a.file.length - b.file.length);
    // With cgroup v1 no quota may be larger than that of the cgroup above.
    const lower = byDepth.filter(({ now, target }) => target < (now.quota ?? 0)).reverse();
    const higher = byDepth.filter(({ now, target }) => target > (now.quota ?? 0));
    const left: Change[] = [];
    for (const change of [...lower, ...higher]) {
      const { file, now, target } = change;
      const isDone = await round.step(ofFresh.has(file), () => writeQuota(file, target, now.period));
      if (!isDone) left.push(change);
    }
    const raised = changes.filter((change) => change.target !== change.base && !left.includes(change));
    await store.forget({ quotas: { ...unread, ...noted(raised, {}), ...noted(left, store.state.quotas) } });
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

/** With the records of files that cannot be read now. */
async function planAll(
  round: TuningRound,
  ofFresh: ReadonlyMap<string, number>,
): Promise<{ changes: Change[]; unread: Record<string, RaisedQuota> }> {
  const { quotas } = round.store.state;
  const shares = sharesByFile(round.claims);
  const changes: Change[] = [];
  const unread: Record<string, RaisedQuota> = {};
  for (const file of new Set([...Object.keys(quotas), ...shares.keys()])) {
    const before = quotas[file];
    const isRead = await round.step(ofFresh.has(file), async () => {
      const change = await plan(file, before, shares.get(file) ?? 0);
      if (change !== undefined) changes.push(change);
    });
    if (!isRead && before !== undefined) unread[file] = before;
  }
  return { changes, unread };
}

/** What is without a limit stays so, and what is gone needs nothing. A value that is not ours is a new one of the kubelet's. */
async function plan(
  file: string,
  before: RaisedQuota | undefined,
  added: number,
): Promise<Change | undefined> {
  const now = await readQuota(file);
  if (now?.quota === undefined) return undefined;
  const base = before?.written.includes(now.quota) ? before.original : now.quota;
  return { file, now, base, target: base + added * now.period };
}

/** A quota that a daemon has written before it died counts as ours too. What is only given back needs no room on a full disk. */
function noted(
  changes: readonly Change[],
  before: Readonly<Record<string, RaisedQuota>>,
): Record<string, RaisedQuota> {
  return Object.fromEntries(
    changes.map(({ file, base, target }) => {
      const earlier = before[file]?.original === base ? (before[file]?.written ?? []) : [];
      const written = target === base ? earlier : [...new Set([...earlier, target])];
      return [file, { original: base, written }];
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

// Isolated partitions of cgroup v2, far below the root: each cgroup on the way hands the container's CPUs down by
// cpuset.cpus.exclusive (Linux 6.7), and the last one is a partition of its own. What others have in those files stays.

import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { type CpuSet, formatCpuList, noCpus, parseCpuList } from './cpu-set.ts';
import { isDirectory, readValue, writeValue } from './node-files.ts';
import type { CgroupDirectories } from './tuning.ts';
import type { TuningRound } from './tuning-round.ts';

const exclusiveFile = 'cpuset.cpus.exclusive';
const partitionFile = 'cpuset.cpus.partition';

interface Member extends CgroupDirectories {
  readonly cpus: string;
  readonly forFresh: boolean;
}

interface Handed {
  readonly cpus: CpuSet;
  readonly forFresh: boolean;
}

/** Makes the partitions those of `members`, and no others. */
export async function reachPartitions(round: TuningRound, members: readonly Member[]): Promise<void> {
  const { store } = round;
  const before = sets(store.state.exclusive);
  const after = wanted(members);
  const partitions = new Map(members.map((member) => [member.own.at(-1) ?? '', member]));
  const former = store.state.partitions.filter((directory) => !partitions.has(directory));
  if (before.size + after.size + former.length === 0) return;
  const ours = new Map(before);
  for (const [directory, { cpus, forFresh }] of after)
    await round.step(forFresh, async () => {
      const others = ((await readExclusive(directory)) ?? noCpus) & ~(before.get(directory) ?? noCpus);
      ours.set(directory, (before.get(directory) ?? noCpus) | (cpus & ~others));
    });
  await store.save({ exclusive: lists(ours), partitions: [...former, ...partitions.keys()] });
  const left = await takeBack(round, { before, after, former });
  for (const [directory, { cpus, forFresh }] of byDepth(after))
    await round.step(forFresh, () => change(directory, { before: noCpus, after: cpus }));
  for (const [directory, { cpus, forFresh }] of partitions)
    await round.step(forFresh, () => isolate(directory, cpus));
  const kept = [...ours].map(([directory, cpus]): [string, CpuSet] => {
    const isLeft = left.includes(directory);
    return [directory, isLeft ? cpus : cpus & (after.get(directory)?.cpus ?? noCpus)];
  });
  await store.forget({
    exclusive: lists(new Map(kept.filter(([, cpus]) => cpus !== noCpus))),
    partitions: [...former.filter((directory) => left.includes(directory)), ...partitions.keys()],
  });
}

/** From the bottom up, as the kernel wants it. The directories in which something could not be taken back. */
async function takeBack(
  round: TuningRound,
  {
    before,
    after,
    former,
  }: {
    readonly before: ReadonlyMap<string, CpuSet>;
    readonly after: ReadonlyMap<string, Handed>;
    /** Those that were partitions. */
    readonly former: readonly string[];
  },
): Promise<string[]> {
  const left: string[] = [];
  for (const directory of former)
    if (!(await round.step(false, () => rejoin(directory)))) left.push(directory);
  for (const [directory, cpus] of byDepth(before).reverse()) {
    const kept = (after.get(directory)?.cpus ?? noCpus) & cpus;
    if (!(await round.step(false, () => change(directory, { before: cpus, after: kept }))))
      left.push(directory);
  }
  return left;
}

function wanted(members: readonly Member[]): Map<string, Handed> {
  const found = new Map<string, Handed>();
  for (const { above, own, cpus, forFresh } of members)
    for (const directory of [...above, ...own]) {
      const known = found.get(directory);
      found.set(directory, {
        cpus: (known?.cpus ?? noCpus) | (parseCpuList(cpus) ?? noCpus),
        forFresh: forFresh || (known?.forFresh ?? false),
      });
    }
  return found;
}

/** Undefined where there is no such file. */
async function readExclusive(directory: string): Promise<CpuSet | undefined> {
  const text = await readValue(join(directory, exclusiveFile));
  return text === undefined ? undefined : (parseCpuList(text) ?? noCpus);
}

async function change(
  directory: string,
  { before, after }: { readonly before: CpuSet; readonly after: CpuSet },
): Promise<void> {
  const file = join(directory, exclusiveFile);
  const current = await readExclusive(directory);
  if (current === undefined) {
    if (after === noCpus || !(await isDirectory(directory))) return; // the container or its pod is gone
    throw new DaemonError('failed-precondition', `the kernel has no ${exclusiveFile}; Linux 6.7 has it`);
  }
  const next = (current & ~before) | after;
  if (next === current) return;
  try {
    await writeValue(file, `${formatCpuList(next)}\n`); // an empty text would be no write at all
  } catch (cause) {
    if (!(cause instanceof DaemonError) || (next & ~current) === noCpus) throw cause;
    throw new DaemonError(cause.kind, `${cause.message}; free these CPUs in the cgroups beside it`, cause);
  }
}

async function isolate(directory: string, cpus: string): Promise<void> {
  const file = join(directory, partitionFile);
  if ((await readValue(file)) === 'isolated' || !(await isDirectory(directory))) return;
  await writeValue(file, 'isolated');
  // the kernel takes the word and says afterwards whether it could
  const state = await readValue(file);
  if (state === 'isolated') return;
  const text = `${file} is "${state}" for the CPUs ${cpus}`;
  throw new DaemonError('failed-precondition', `${text}; free them in the cgroups beside and above`);
}

async function rejoin(directory: string): Promise<void> {
  if (await isDirectory(directory)) await writeValue(join(directory, partitionFile), 'member');
}

function byDepth<T>(found: ReadonlyMap<string, T>): [string, T][] {
  return [...found].sort(([a], [b]) => a.length - b.length);
}

function sets(found: Readonly<Record<string, string>>): Map<string, CpuSet> {
  return new Map(Object.entries(found).map(([directory, list]) => [directory, parseCpuList(list) ?? noCpus]));
}

function lists(found: ReadonlyMap<string, CpuSet>): Record<string, string> {
  return Object.fromEntries([...found].map(([directory, cpus]) => [directory, formatCpuList(cpus)]));
}

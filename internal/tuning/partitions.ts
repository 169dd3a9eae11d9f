// Isolated partitions of cgroup v2, far below the root: each cgroup on the way hands the container's CPUs down by
// cpuset.cpus.exclusive (Linux 6.7), and the last one is a partition of its own. What others have in those files stays.

import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { type CpuSet, formatCpuList, noCpus, parseCpuList } from './cpu-set.ts';
import { isDirectory, readValue, writeValue } from './node-files.ts';
import type { CgroupDirectories } from './tuning.ts';
import type { TuningStore } from './tuning-state.ts';

const exclusiveFile = 'cpuset.cpus.exclusive';
const partitionFile = 'cpuset.cpus.partition';

interface Member extends CgroupDirectories {
  readonly cpus: string;
}

export class Partitions {
  /** Makes the partitions those of `members`, and no others. */
  async reach(store: TuningStore, members: readonly Member[]): Promise<void> {
    const before = sets(store.state.exclusive);
    const after = wanted(members);
    const partitions = new Map(members.map(({ own, cpus }) => [own.at(-1) ?? '', cpus]));
    if (before.size === 0 && after.size === 0) return;
    const union = new Map(before);
    for (const [directory, cpus] of after) union.set(directory, (before.get(directory) ?? noCpus) | cpus);
    await store.save({
      exclusive: lists(union),
      partitions: [...new Set([...store.state.partitions, ...partitions.keys()])],
    });
    await takeBack(
      before,
      after,
      store.state.partitions.filter((directory) => !partitions.has(directory)),
    );
    for (const [directory, cpus] of byDepth(after)) await change(directory, { before: noCpus, after: cpus });
    for (const [directory, cpus] of partitions) await isolate(directory, cpus);
    await store.forget({ exclusive: lists(after), partitions: [...partitions.keys()] });
  }
}

/** From the bottom up, as the kernel wants it; what fails does not keep the rest from being taken back. */
async function takeBack(
  before: ReadonlyMap<string, CpuSet>,
  after: ReadonlyMap<string, CpuSet>,
  partitions: readonly string[],
): Promise<void> {
  const failures: unknown[] = [];
  const attempt = async (step: Promise<void>): Promise<void> =>
    void (await step.catch((cause) => failures.push(cause)));
  for (const directory of partitions) await attempt(rejoin(directory));
  for (const [directory, cpus] of byDepth(before).reverse())
    await attempt(change(directory, { before: cpus, after: (after.get(directory) ?? noCpus) & cpus }));
  if (failures.length > 0) throw failures[0];
}

function wanted(members: readonly Member[]): Map<string, CpuSet> {
  const found = new Map<string, CpuSet>();
  for (const { above, own, cpus } of members)
    for (const directory of [...above, ...own])
      found.set(directory, (found.get(directory) ?? noCpus) | (parseCpuList(cpus) ?? noCpus));
  return found;
}

async function change(
  directory: string,
  { before, after }: { readonly before: CpuSet; readonly after: CpuSet },
): Promise<void> {
  const file = join(directory, exclusiveFile);
  const text = await readValue(file);
  if (text === undefined) {
    if (after === noCpus || !(await isDirectory(directory))) return; // the container or its pod is gone
    throw new DaemonError('failed-precondition', `the kernel has no ${exclusiveFile}; Linux 6.7 has it`);
  }
  const current = parseCpuList(text) ?? noCpus;
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

function byDepth(found: ReadonlyMap<string, CpuSet>): [string, CpuSet][] {
  return [...found].sort(([a], [b]) => a.length - b.length);
}

function sets(found: Readonly<Record<string, string>>): Map<string, CpuSet> {
  return new Map(Object.entries(found).map(([directory, list]) => [directory, parseCpuList(list) ?? noCpus]));
}

function lists(found: ReadonlyMap<string, CpuSet>): Record<string, string> {
  return Object.fromEntries([...found].map(([directory, cpus]) => [directory, formatCpuList(cpus)]));
}

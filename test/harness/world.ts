// What a daemon has in the world outside its memory. Taken before and after, it shows that nothing is left.

import assert from 'node:assert/strict';
import { type Dirent, existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DaemonPaths } from './daemon-config.ts';
import { podNetworkTraces } from './host-network.ts';
import { mountsBelow, processesOf } from './proc.ts';
import { patienceMs } from './until.ts';

export interface Territory {
  readonly root: string;
  readonly paths: DaemonPaths;
  readonly bridge: string;
  readonly cgroupParent: string;
  /** The end of the daemon's log, shown with a failure. */
  logTail(): string;
}

export interface World {
  /** Command lines, without pids: a restarted daemon is the same. */
  readonly processes: readonly string[];
  readonly mounts: readonly string[];
  readonly namespaces: readonly string[];
  readonly cgroups: readonly string[];
  readonly network: readonly string[];
  readonly leases: readonly string[];
  /** Files and directories that carry a container's or sandbox's id. */
  readonly records: readonly string[];
  /** Ids in containers.json of the image store. */
  readonly containerLayers: readonly string[];
}

const id = /[0-9a-f]{64}/;

/** What is below a directory, whatever goes meanwhile: one listing by Node fails when a directory that it found is gone. */
function treeBelow(directory: string): Dirent[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(directory, { withFileTypes: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV') return []; // ENODEV: a cgroup that was deleted while it was read
    throw cause;
  }
  return entries.flatMap((entry) =>
    entry.isDirectory() ? [entry, ...treeBelow(join(directory, entry.name))] : [entry],
  );
}

function entriesBelow(directory: string): string[] {
  return treeBelow(directory)
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort();
}

/** Directories of this name, and those in them, in every cgroup hierarchy; the deepest first. */
export function cgroupDirectories(cgroupParent: string): string[] {
  const hierarchies = existsSync('/sys/fs/cgroup/cgroup.procs')
    ? ['/sys/fs/cgroup']
    : readdirSync('/sys/fs/cgroup').map((name) => join('/sys/fs/cgroup', name));
  const parents = hierarchies.map((hierarchy) => join(hierarchy, cgroupParent)).filter(existsSync);
  const children = (parent: string) =>
    treeBelow(parent)
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name));
  return parents.flatMap((parent) => [parent, ...children(parent)]).sort((a, b) => b.length - a.length);
}

/** Deletes the cgroup directories; one that is busy stays. */
export function removeCgroups(cgroupParent: string): void {
  for (const directory of cgroupDirectories(cgroupParent)) {
    try {
      rmdirSync(directory);
    } catch {
      // busy: a process in it has not been reaped yet; the caller looks again
    }
  }
}

function containerLayers(storageRoot: string): string[] {
  const file = join(storageRoot, 'overlay-containers/containers.json');
  if (!existsSync(file)) return [];
  const records = JSON.parse(readFileSync(file, 'utf8')) as { id: string }[];
  return records.map((record) => record.id).sort();
}

export function worldSnapshot({ root, paths, bridge, cgroupParent }: Omit<Territory, 'logTail'>): World {
  const records = [paths.runDir, paths.dataDir].flatMap((directory) =>
    entriesBelow(directory).filter((entry) => id.test(entry)),
  );
  return {
    processes: processesOf(root, cgroupParent)
      .map(({ command }) => command)
      .sort(),
    mounts: mountsBelow(root),
    namespaces: entriesBelow(paths.namespacesDir),
    cgroups: cgroupDirectories(cgroupParent).filter((directory) => /crio-/.test(directory)),
    network: podNetworkTraces(bridge),
    leases: entriesBelow(paths.leasesDir).filter((entry) => /\/\d+(\.\d+){3}$/.test(entry)),
    records,
    containerLayers: containerLayers(paths.storageRoot),
  };
}

/** An OCI runtime, or a container's init that is still one: on a busy machine it stays so long after a start. */
const isPassing = (command: string) => /^(\S*\/)?(runc|crun)( |$)|^\/proc\/\S+ init$/.test(command);

/** The world when it has stopped changing: a pod that was just made or removed has processes that are on their way. */
export async function settledWorld(territory: Territory): Promise<World> {
  let last = '';
  for (let same = 0; ; await sleep(100)) {
    const now = worldSnapshot(territory);
    const text = JSON.stringify(now);
    same = text === last && !now.processes.some(isPassing) ? same + 1 : 0;
    if (same === 3) return now;
    last = text;
  }
}

/** Fails unless the world becomes `expected` soon: the kernel takes a moment to end processes and interfaces. */
export async function assertWorld(territory: Territory, expected: World): Promise<void> {
  const deadline = performance.now() + patienceMs;
  let now = worldSnapshot(territory);
  while (JSON.stringify(now) !== JSON.stringify(expected) && performance.now() < deadline) {
    await sleep(50);
    now = worldSnapshot(territory);
  }
  if (JSON.stringify(now) !== JSON.stringify(expected))
    console.error(`the world is not as expected; the end of the daemon's log:\n${territory.logTail()}`);
  assert.deepEqual(now, expected);
}

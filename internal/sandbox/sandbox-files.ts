// Where a sandbox's files are, and the two records it has on disk. See ARCHITECTURE.md, "State on disk".

import { join } from 'node:path';
import { requireTexts, type StateFile, stateFile } from '../fs/state-file.ts';
import type { PodResources, SandboxRecord, SandboxStatus } from './sandbox.ts';

export interface SandboxDirectories {
  readonly data: string;
  readonly run: string;
}

export interface SandboxPaths {
  /** Survives a reboot: metadata.json. */
  readonly dataDirectory: string;
  /** Gone after a reboot: status.json and what follows. */
  readonly runDirectory: string;
  readonly metadata: string;
  readonly status: string;
  /** There after an UpdatePodSandboxResources. */
  readonly resources: string;
  readonly resolvConf: string;
  readonly hostname: string;
  readonly shm: string;
  /** The infra container's bundle. */
  readonly bundle: string;
}

/** All paths of one sandbox; `sandboxId` is checked hex. */
export function sandboxPaths(directories: SandboxDirectories, sandboxId: string): SandboxPaths {
  const dataDirectory = join(directories.data, sandboxId);
  const runDirectory = join(directories.run, sandboxId);
  return {
    dataDirectory,
    runDirectory,
    metadata: join(dataDirectory, 'metadata.json'),
    status: join(runDirectory, 'status.json'),
    resources: join(runDirectory, 'resources.json'),
    resolvConf: join(runDirectory, 'resolv.conf'),
    hostname: join(runDirectory, 'hostname'),
    shm: join(runDirectory, 'shm'),
    bundle: join(runDirectory, 'bundle'),
  };
}

/** Written once, before anything else of the sandbox; it says what a removal or an undo has to look for. */
export const recordFile: StateFile<SandboxRecord> = stateFile({
  version: 1,
  durable: true,
  parse: (value) => {
    requireTexts(value, ['id', 'name', 'runtimeHandler', 'cgroupParent', 'hostname']);
    if (typeof value['config'] !== 'object') throw new Error('config is missing');
    return value as unknown as SandboxRecord;
  },
});

/** Rewritten at each change of state. None beside metadata: there was a reboot. */
export const statusFile: StateFile<SandboxStatus> = stateFile({
  version: 1,
  durable: false, // on a tmpfs: a reboot ends every sandbox anyhow
  parse: (value) => {
    const states: readonly unknown[] = ['creating', 'ready', 'not-ready'];
    if (!states.includes(value['state'])) throw new Error(`state is ${String(value['state'])}`);
    if (!Array.isArray(value['ips'])) throw new Error('ips is missing');
    return value as unknown as SandboxStatus;
  },
});

/** What UpdatePodSandboxResources named; none where it named nothing yet. */
export const podResourcesFile: StateFile<PodResources> = stateFile({
  version: 1,
  durable: false, // as the status
  parse: (value) => value as unknown as PodResources,
});

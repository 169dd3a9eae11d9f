// Where a container's files are, and the two records it has on disk. See ARCHITECTURE.md, "State on disk".

import { join } from 'node:path';
import { requireTexts, type StateFile, stateFile } from '../fs/state-file.ts';
import type { ContainerMetadata, ContainerStatus } from './container.ts';

export interface ContainerPaths {
  /** Survives a reboot: metadata.json. */
  readonly dataDirectory: string;
  /** Gone after a reboot: status.json and what follows. */
  readonly runDirectory: string;
  readonly metadata: string;
  readonly status: string;
  readonly bundle: string;
  readonly spec: string;
  readonly rootfs: string;
  /** Parent of the mounted image volumes. */
  readonly volumes: string;
  /** Parent of the directories that are bound for the volumes that the image declares. */
  readonly declaredVolumes: string;
  /** The account files of a container whose user the image does not know. */
  readonly accounts: string;
  /** Copies of what mounts.conf names. */
  readonly defaultMounts: string;
}

/** Parents of the containers' directories; infra containers have others of the same shape. */
export interface ContainerDirectories {
  readonly data: string;
  readonly run: string;
}

/** All paths of one container; `containerId` is checked hex. */
export function containerPaths(directories: ContainerDirectories, containerId: string): ContainerPaths {
  const dataDirectory = join(directories.data, containerId);
  const runDirectory = join(directories.run, containerId);
  const bundle = join(runDirectory, 'bundle');
  return {
    dataDirectory,
    runDirectory,
    metadata: join(dataDirectory, 'metadata.json'),
    status: join(runDirectory, 'status.json'),
    bundle,
    spec: join(bundle, 'config.json'),
    rootfs: join(runDirectory, 'rootfs'),
    volumes: join(runDirectory, 'volumes'),
    declaredVolumes: join(runDirectory, 'declared-volumes'),
    accounts: join(runDirectory, 'accounts'),
    defaultMounts: join(runDirectory, 'default-mounts'),
  };
}

/** Written once, before anything else of the container; it says what a removal or an undo has to look for. */
export const metadataFile: StateFile<ContainerMetadata> = stateFile({
  version: 1,
  durable: true,
  parse: (value) => {
    requireTexts(value, ['id', 'name', 'sandboxId', 'runtimeHandler', 'cgroupParent', 'imageId']);
    if (typeof value['config'] !== 'object') throw new Error('config is missing');
    return value as unknown as ContainerMetadata;
  },
});

/** Rewritten at each change of state. None beside metadata: there was a reboot. */
export const statusFile: StateFile<ContainerStatus> = stateFile({
  version: 1,
  durable: false, // on a tmpfs: a reboot ends every container anyhow
  parse: (value) => {
    const states: readonly unknown[] = ['creating', 'created', 'running', 'exited'];
    if (!states.includes(value['state'])) throw new Error(`state is ${String(value['state'])}`);
    if (typeof value['pid'] !== 'number') throw new Error('pid is missing');
    return value as unknown as ContainerStatus;
  },
});

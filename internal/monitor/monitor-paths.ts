// Where the monitor of a container keeps what. A unix socket's path has at most 107 bytes, hence the short names.

import { join } from 'node:path';

export interface MonitorDirectories {
  /** One directory per monitor, private to root, in the run directory. */
  readonly socketsDir: string;
  /** Exit records that survive a reboot. */
  readonly exitsDir: string;
  /** Exit codes as conmon writes them, for tools that watch that directory; undefined writes none. */
  readonly exitCodesDir: string | undefined;
}

export interface MonitorPaths {
  readonly directory: string;
  /** A symbolic link whose target is the whole container id. */
  readonly idLink: string;
  readonly socket: string;
  readonly consoleSocket: string;
  readonly exitFile: string;
  readonly exitCodeFile: string | undefined;
}

/** The first digits of an id name its monitor's directory. */
const idPrefixLength = 12;

/** Where the sockets of one container are. Throws when the id could be anything else than a file name of its own. */
export function monitorDirectory({ socketsDir }: MonitorDirectories, containerId: string): string {
  if (!/^[0-9a-f]{64}$/.test(containerId)) throw new Error(`"${containerId}" is no container id`);
  return join(socketsDir, containerId.slice(0, idPrefixLength));
}

/** The paths of one container. Throws as `monitorDirectory`. */
export function monitorPaths(directories: MonitorDirectories, containerId: string): MonitorPaths {
  const directory = monitorDirectory(directories, containerId);
  const { exitCodesDir } = directories;
  return {
    directory,
    idLink: join(directory, 'id'),
    socket: join(directory, 's'),
    consoleSocket: join(directory, 'c'),
    exitFile: join(directories.exitsDir, containerId),
    exitCodeFile: exitCodesDir === undefined ? undefined : join(exitCodesDir, containerId),
  };
}

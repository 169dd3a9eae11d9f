// The marks by which a daemon knows how the one before it ended: CRI-O's files of the same names.

import { readFile, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Config } from '../../internal/config/options.ts';
import { isENOENT } from '../../internal/errors/errno.ts';
import { atomicWrite } from '../../internal/fs/atomic-write.ts';
import { ensureDirectory } from '../../internal/fs/directories.ts';
import { readTextIfThere } from '../../internal/fs/read-text.ts';
import { syncFilesystem } from '../../internal/sys/sync-filesystem.ts';
import { versionInfo } from './version.ts';

export interface LastRun {
  /** The node was booted since: the version file, on a tmpfs, is gone. */
  readonly isBeforeBoot: boolean;
  /** The daemon was not stopped in order, and the node was booted since: what was not synced is lost. */
  readonly lostPower: boolean;
}

/** Beside the clean-shutdown file: that a daemon ran which writes it, and in which boot. */
function supportedPath(path: string): string {
  return `${path}.supported`;
}

export async function readMarks({ crio }: Config): Promise<LastRun> {
  const { version_file: version, clean_shutdown_file: clean } = crio;
  const isBeforeBoot = version !== '' && (await readTextIfThere(version)) === undefined;
  if (clean === '') return { isBeforeBoot, lostPower: false };
  const ranIn = await readTextIfThere(supportedPath(clean));
  const isUnclean = ranIn !== undefined && (await readTextIfThere(clean)) === undefined;
  return { isBeforeBoot, lostPower: isUnclean && ranIn !== (await bootId()) };
}

/** Says that a daemon runs: until `markStopped`, its end is an unclean one. */
export async function markRunning({ crio }: Config): Promise<void> {
  const { version_file: version, version_file_persist: persistent, clean_shutdown_file: clean } = crio;
  for (const path of [version, persistent].filter((each) => each !== '')) {
    await ensureDirectory(dirname(path), 0o755);
    await atomicWrite(path, JSON.stringify(versionInfo().version), { mode: 0o644 });
  }
  if (clean === '') return;
  await ensureDirectory(dirname(clean), 0o755);
  await atomicWrite(supportedPath(clean), await bootId(), { mode: 0o644 });
  await unlink(clean).catch((cause: unknown) => {
    if (!isENOENT(cause)) throw cause;
  });
}

/** Everything that the store was given is on disk, and then the mark that says so. */
export async function markStopped({ crio }: Config): Promise<void> {
  const { clean_shutdown_file: clean, root, imagestore } = crio;
  if (clean === '') return;
  for (const path of [root, imagestore].filter((each) => each !== '')) await syncFilesystem(path);
  await atomicWrite(clean, '', { mode: 0o644 });
}

async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

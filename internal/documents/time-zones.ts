// The time zones of the node: files in the form of tzfile(5) below one directory, named by their path there (localtime(5)).

import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';

export const zoneDirectory = '/usr/share/zoneinfo';
const localZone = '/etc/localtime';
/** What such a file begins with (tzfile(5)). */
export const zoneMagic = 'TZif';

export interface TimeZone {
  /** The file, without symbolic links where it is the zone of the node. */
  readonly path: string;
  readonly data: Buffer;
}

/**
 * The zone that a name such as `Europe/Berlin` means; `Local` means that of the node, as it is now. `failed-precondition` naming
 * the file when the node has no such zone.
 */
export async function readTimeZone(name: string): Promise<TimeZone> {
  const file = name === 'Local' ? localZone : join(zoneDirectory, name);
  try {
    const path = name === 'Local' ? await realpath(file) : file;
    const data = await readFile(path);
    if (data.toString('latin1', 0, zoneMagic.length) === zoneMagic) return { path, data };
  } catch (cause) {
    const why = `${file} cannot be read (${errnoCode(cause) ?? 'unknown error'}); is tzdata installed?`;
    throw new DaemonError('failed-precondition', `the node has no time zone "${name}": ${why}`, cause);
  }
  throw new DaemonError(
    'failed-precondition',
    `the node has no time zone "${name}": ${file} is no tzfile(5); choose another one`,
  );
}

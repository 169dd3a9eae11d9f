// Gives all files of a tree one label. A pod may change the tree meanwhile: each directory is entered by its descriptor,
// and no link is followed, so that nothing outside of the tree is touched.

import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';
import { getXattr, setXattr } from '../sys/nodes.ts';
import type { RelabelRequest } from './selinux.ts';

const attribute = 'security.selinux';
/** So many files are labelled before others have their turn. */
const batch = 256;

/** Directories that the node's own programs need; a label of one pod would keep them out. */
const refused = new Set(
  ['/', '/bin', '/boot', '/dev', '/etc', '/etc/passwd', '/etc/pki', '/etc/shadow', '/home', '/lib']
    .concat(['/lib64', '/media', '/opt', '/proc', '/root', '/run', '/sbin', '/srv', '/sys', '/tmp'])
    .concat(['/usr', '/usr/bin', '/usr/lib', '/usr/lib64', '/usr/sbin', '/usr/share', '/var', '/var/lib'])
    .concat(['/var/log', '/var/run', '/var/tmp']),
);

/** Files that go away meanwhile, and file systems without labels, are no failure. `path` has no link in it. */
export async function relabel({ path, label, trustsTop = false }: RelabelRequest): Promise<void> {
  if (refused.has(path))
    throw new DaemonError('invalid-argument', `"${path}" cannot be relabelled for a pod: the node needs it`);
  try {
    if (trustsTop && getXattr(path, attribute)?.toString().replace(/\0$/, '') === label) return;
    const value = Buffer.from(label);
    setXattr(path, attribute, value);
    if ((await lstat(path)).isDirectory()) await labelBelow(path, value, { count: 0 });
  } catch (cause) {
    if (hasNoLabels(cause)) return;
    const why = errnoCode(cause) ?? 'unknown error';
    throw new DaemonError('failed-precondition', `"${path}" cannot be relabelled for a pod (${why})`, cause);
  }
}

async function labelBelow(path: string, value: Uint8Array, done: { count: number }): Promise<void> {
  const directory = await openDirectory(path);
  if (directory === undefined) return;
  try {
    const here = `/proc/self/fd/${directory.fd}`;
    for (const entry of await readdir(here, { withFileTypes: true })) {
      const child = `${here}/${entry.name}`;
      labelOne(child, value);
      done.count += 1;
      if (done.count % batch === 0) await nextTurn();
      if (entry.isDirectory()) await labelBelow(child, value, done);
    }
  } finally {
    await directory.close();
  }
}

function labelOne(path: string, value: Uint8Array): void {
  try {
    setXattr(path, attribute, value);
  } catch (cause) {
    if (errnoCode(cause) !== 'ENOENT' && !hasNoLabels(cause)) throw cause;
  }
}

/** Undefined for what is gone, or is something else by now. */
async function openDirectory(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoCode(cause) ?? '')) return undefined;
    throw cause;
  }
}

function hasNoLabels(cause: unknown): boolean {
  return ['ENOTSUP', 'EOPNOTSUPP'].includes(errnoCode(cause) ?? '');
}

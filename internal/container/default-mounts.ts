// Files of the node that every container gets a copy of, such as the entitlement of a subscription: mounts.conf
// (containers-mounts.conf(5)).

import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode, isENOENT } from '../errors/errno.ts';
import { ensureDirectory, removeTree } from '../fs/directories.ts';
import { makePassable } from '../fs/passable.ts';
import type { Logger } from '../log/logger.ts';
import { type CopyRequest, copyNodeFiles } from './copy-node-files.ts';

export interface DefaultMount {
  readonly hostPath: string;
  readonly containerPath: string;
}

/** The lines of the first of `files` that exists; none is success. */
export async function readDefaultMounts(files: readonly string[]): Promise<DefaultMount[]> {
  for (const file of files) {
    try {
      return parseMountsConf(await readFile(file, 'utf8'), file);
    } catch (cause) {
      if (!isENOENT(cause)) throw cause;
    }
  }
  return [];
}

/** `HOST:CONTAINER`, or one path for both; `#` begins a comment. */
export function parseMountsConf(text: string, file: string): DefaultMount[] {
  return text.split('\n').flatMap((line, index) => {
    const item = line.trim();
    if (item === '' || item.startsWith('#')) return [];
    const [hostPath = '', containerPath = hostPath, ...rest] = item.split(':');
    if (isAbsolute(hostPath) && isAbsolute(containerPath) && rest.length === 0)
      return [{ hostPath, containerPath }];
    const where = `${file}:${index + 1}: ${JSON.stringify(item)}`;
    throw new DaemonError('failed-precondition', `${where} is not of the form /HOST/PATH:/CONTAINER/PATH`);
  });
}

/**
 * Copies each source below `directory` and returns the copies as mounts: what a container writes there is its own, and its root,
 * `owner` on the host, owns it. A source that is not there is passed over with a warning, as every reader of the file does.
 */
export async function copyDefaultMounts(
  mounts: readonly DefaultMount[],
  { directory, owner }: { readonly directory: string; readonly owner: CopyRequest['owner'] },
  logger: Logger,
): Promise<DefaultMount[]> {
  const copies: DefaultMount[] = [];
  if (mounts.length > 0) await ensureDirectory(directory);
  if (mounts.length > 0 && owner.uid !== 0) await makePassable(directory); // the runtime comes as that user
  for (const [index, { hostPath, containerPath }] of mounts.entries()) {
    const copy = join(directory, String(index));
    try {
      await copyNodeFiles({ source: hostPath, target: copy, owner });
      copies.push({ hostPath: copy, containerPath });
    } catch (cause) {
      await removeTree(copy);
      if (cause instanceof DaemonError) throw cause;
      if (!isENOENT(cause)) {
        const text = `"${hostPath}" of mounts.conf cannot be copied (${errnoCode(cause) ?? 'unknown error'})`;
        throw new DaemonError('failed-precondition', text, cause);
      }
      logger.warn({ hostPath, containerPath }, 'a source of mounts.conf is not there; its mount is left out');
    }
  }
  return copies;
}

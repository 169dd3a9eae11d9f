// The places of a layer's entries, below the root of the unpacking thread.

import { chmodSync, lstatSync, mkdirSync, readdirSync, rmdirSync, type Stats, unlinkSync } from 'node:fs';
import { errnoCode } from '../../errors/errno.ts';
import { type EntryPath, rootedPath } from './entry-path.ts';

/** Of directories that the archive does not have. */
export const implicitDirMode = 0o755;

/** Undefined also where a file is in the place of a parent. */
export function existing(path: Buffer): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    if (errnoCode(cause) === 'ENOTDIR') return undefined;
    throw cause;
  }
}

/** Runs `make`, which must fail with EEXIST; makes missing parents, and room if an earlier entry has the name. */
export function makeAt(at: EntryPath, path: Buffer, make: () => void): void {
  try {
    make();
  } catch (cause) {
    const code = errnoCode(cause);
    if (code === 'ENOENT') ensureParents(at.parent);
    else if (code === 'EEXIST') removeAll(path);
    else throw cause;
    make();
  }
}

/** Directories that the archive leaves out, or has later. */
export function ensureParents(parent: string): void {
  if (parent === '') return;
  const parts = parent.split('/');
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const path = rootedPath(parts.slice(0, depth).join('/'));
    if (existing(path) !== undefined) continue;
    mkdirSync(path, { mode: implicitDirMode });
    chmodSync(path, implicitDirMode); // whatever the umask is
  }
}

/** Deletes what an earlier entry of the same archive made. */
function removeAll(path: Buffer): void {
  if (!lstatSync(path).isDirectory()) {
    unlinkSync(path);
    return;
  }
  for (const name of readdirSync(path, { encoding: 'buffer' })) {
    removeAll(Buffer.concat([path, Buffer.from('/'), name]));
  }
  rmdirSync(path);
}

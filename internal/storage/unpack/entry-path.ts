// Names from an archive as paths below a root.

import { LayerError, shownName } from './layer-error.ts';

export interface EntryPath {
  /** Without leading slash, `.` and `..`; empty for the root itself. Latin1. */
  readonly path: string;
  readonly parent: string;
  readonly base: string;
}

/** Cleans a name by its text alone; refuses one that climbs out of the root, holds a NUL or is too long. */
export function entryPath(name: string, maxBytes: number): EntryPath {
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) {
      throw new LayerError('failed-precondition', `has entry ${shownName(name)}, which leaves the root`);
    }
  }
  const base = parts.pop() ?? '';
  const parent = parts.join('/');
  const path = parent === '' ? base : `${parent}/${base}`;
  if (path.includes('\0') || path.length > maxBytes || [...parts, base].some((part) => part.length > 255)) {
    throw new LayerError('failed-precondition', `has entry ${shownName(name)}, whose name is not valid`);
  }
  return { path, parent, base };
}

/** The path for the kernel, in a thread whose root is the layer. */
export function rootedPath(path: string): Buffer {
  return Buffer.from(`/${path}`, 'latin1');
}
